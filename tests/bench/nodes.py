"""How long clones take, beside virt-clone, and beside the least that libvirt itself needs for a node."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.events import silent
from builder.hypervisor.calls import call
from builder.hypervisor.connection import Hypervisor, connect
from builder.hypervisor.xml import render, render_text
from builder.paths import Output
from builder.store import Store
from tests.conftest import GOLDEN
from tests.hypervisors import daemon, own_network, own_pool

MANY = 100
OFFLINE = 20
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS me@here"
TEMPLATE = "debian-12"


@dataclass(slots=True)
class Bench:
    """A pool and a network of the bench's own."""

    hypervisor: Hypervisor
    output: Output
    pool: str
    network: str
    folder: Path
    found: list[str] = field(default_factory=list)

    def clone(self, *arguments: str, nic: str | None = None) -> float:
        """Seconds of one `golden clone`, which starts nothing."""
        options = ["--connect", self.hypervisor.uri, "--pool", self.pool, "--nic", nic or f"network={self.network}"]
        command = [
            str(GOLDEN),
            "clone",
            TEMPLATE,
            *arguments,
            *options,
            "--no-start",
            "--output",
            str(self.output.root),
        ]
        return seconds(command)

    def floor(self, count: int) -> float:
        """Seconds of a bare createXML and defineXML a node, on the base that golden uploaded."""
        pool = self.hypervisor.connection.storagePoolLookupByName(self.pool)
        base = next(each for each in self.hypervisor.pool(self.pool).names() if each.startswith("golden-"))
        backing = self.hypervisor.pool(self.pool).find(base)
        template = (Store(self.output.templates).find(TEMPLATE).folder / "domain.xml.j2").read_text()
        begun = time.monotonic()
        for number in range(count):
            name = f"floor{number}"
            volume = render("volume", name=f"{name}.qcow2", capacity=4 << 30, format="qcow2", backing=backing)
            path = call(call(pool.createXML, volume).path)
            disks: list[dict[str, Any]] = [{"file": path, "format": "qcow2", "device": "vda", "read_only": False}]
            xml = render_text(template, name=name, domain_type="qemu", disks=disks)
            call(self.hypervisor.connection.defineXML, xml)
        return time.monotonic() - begun

    def virt_clone(self, original: str) -> float:
        """Seconds in which virt-clone copies a node that stands by itself."""
        disk = self.folder / "whole.qcow2"
        version = Store(self.output.templates).find(TEMPLATE)
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", str(version.disk), str(disk)], check=True)
        xml = render_text(
            (version.folder / "domain.xml.j2").read_text(),
            name=original,
            domain_type="qemu",
            disks=[{"file": str(disk), "format": "qcow2", "device": "vda", "read_only": False}],
        )
        self.hypervisor.define(xml)
        command = ["virt-clone", "--connect", self.hypervisor.uri, "--original", original, "--name", f"{original}-copy"]
        return seconds([*command, "--file", str(self.folder / "copy.qcow2")])

    def clear(self) -> None:
        """Forget all of the bench's domains, volumes and reservations; the base stays."""
        for domain in self.hypervisor.domains():
            if any(str(self.folder) in file for file in domain.files()):
                domain.undefine()
        pool, network = self.hypervisor.pool(self.pool), self.hypervisor.network(self.network)
        for name in pool.names():
            if not name.startswith("golden-"):
                pool.delete(name)
        for reservation in network.definition().reservations:
            network.release(reservation)


def seconds(command: list[str]) -> float:
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return time.monotonic() - begun


@contextmanager
def bench(output: Output, folder: Path) -> Iterator[Bench]:
    with ExitStack() as cleanup:
        uri = cleanup.enter_context(daemon())
        hypervisor = cleanup.enter_context(connect(uri, folder / "embedded", silent))
        pool = cleanup.enter_context(own_pool(hypervisor, folder / "pool"))
        network = cleanup.enter_context(own_network(hypervisor, 250, last=254))
        made = Bench(hypervisor, output, pool, network, folder / "pool")
        cleanup.callback(made.clear)
        yield made


def measure(output: Output, folder: Path) -> list[str]:
    """The lines of the report on nodes; `output` has the shipped template."""
    print("cloning nodes …", flush=True)
    with bench(output, folder) as at:
        first = at.clone("first")
        one = min(at.clone(f"one{number}") for number in range(3))
        at.clear()
        network = at.hypervisor.network(at.network)
        running = at.clone("n{1..11}") - one
        at.clear()
        call(network.handle.destroy)
        quiet = min(at.clone(f"one{number}") for number in range(3))
        many = at.clone(f"n{{1..{MANY}}}") - quiet
        at.clear()
        floor = at.floor(MANY) / MANY
        at.clear()
        offline = at.clone(f"n{{1..{OFFLINE}}}", "--ssh-key", KEY, nic="user")
        copied = at.virt_clone("whole")
        at.clear()
    further, live = many / (MANY - 1), running / 10
    return [
        f"virt-clone, one node         {copied:8.2f} s",
        f"golden clone, the first      {first:8.2f} s   with the upload of the base",
        f"golden clone, one node       {one:8.2f} s   {one / copied:6.3f} of virt-clone (aim 0.6 s)",
        f"bare createXML + defineXML   {floor * 1000:8.1f} ms a node",
        f"each further of {MANY} nodes    {further * 1000:8.1f} ms   {further / floor:6.2f} of bare (aim 2)",
        f"the same, network running    {live * 1000:8.1f} ms   {live / floor:6.2f} of bare",
        f"{OFFLINE} nodes written offline    {offline:8.2f} s   (aim 20 s)",
    ]
