"""Real hypervisors for the tests: the host's libvirtd, or one of the tests' own where nobody runs one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt

from builder import locks
from builder.events import silent
from builder.hypervisor.connection import Hypervisor, connect
from builder.hypervisor.domains import Domain, disk_files
from builder.hypervisor.xml import render

SYSTEM = "qemu:///system"
FOLDER = Path(tempfile.gettempdir(), "golden-test-libvirtd")


def answers() -> bool:
    """Whether a system daemon is there."""
    try:
        libvirt.open(SYSTEM).close()
    except libvirt.libvirtError:
        return False
    return True


@contextmanager
def daemon() -> Iterator[str]:
    """libvirt's URI; workers share one daemon, and it ends after the last of them."""
    users = FOLDER / "users"
    users.mkdir(parents=True, exist_ok=True)
    mine = users / str(os.getpid())
    with locks.held(FOLDER / "lock"):
        mine.touch()
        if not answers():
            # Of no one's process group, or a worker's end would be its end.
            subprocess.run(
                ["setsid", "--fork", sys.executable, "-m", "tests.keeper", str(FOLDER)],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1],
            )
            deadline = time.monotonic() + 30
            while not answers():
                assert time.monotonic() < deadline, (FOLDER / "log").read_text()
                time.sleep(0.1)
    try:
        yield SYSTEM
    finally:
        mine.unlink(missing_ok=True)


@contextmanager
def own_pool(hypervisor: Hypervisor, folder: Path) -> Iterator[str]:
    """The name of a pool of the test's own, gone at the end; its files go with the test's folder."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    made = hypervisor.connection.storagePoolDefineXML(render("pool", name=name, folder=folder))
    made.create()
    try:
        yield name
    finally:
        if made.isActive():
            made.destroy()
        made.undefine()


@contextmanager
def own_network(hypervisor: Hypervisor, octet: int, *, last: int = 99) -> Iterator[str]:
    """The name of an active NAT network of the test's own, 10.91.OCTET.0/24 with DHCP from .10 to `last`."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    made = hypervisor.connection.networkDefineXML(
        f"<network><name>{name}</name><forward mode='nat'/><ip address='10.91.{octet}.1' prefix='24'>"
        f"<dhcp><range start='10.91.{octet}.10' end='10.91.{octet}.{last}'/></dhcp></ip></network>"
    )
    made.create()
    try:
        yield name
    finally:
        if made.isActive():
            made.destroy()
        made.undefine()


class Console:
    """What a running domain shows on its serial console, from now on."""

    def __init__(self, hypervisor: Hypervisor, name: str) -> None:
        # By a connection of its own: on one where a thread waits for a silent console, other calls may wait with it.
        connection = libvirt.open(hypervisor.uri)
        self._stream = connection.newStream()
        connection.lookupByName(name).openConsole(None, self._stream, 0)
        self._shown = b""
        threading.Thread(target=self._read, name=f"console-{name}", daemon=True).start()

    def _read(self) -> None:
        with suppress(libvirt.libvirtError):  # the domain ended
            while data := self._stream.recv(4096):
                self._shown += data

    @property
    def text(self) -> str:
        return self._shown.decode(errors="replace")

    def wait_for(self, *texts: str, timeout: float = 300.0) -> None:
        """Wait until it has shown all texts; fails with its end after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while missing := [text for text in texts if text not in self.text]:
            assert time.monotonic() < deadline, f"{missing} did not appear:\n{self.text[-3000:]}"
            time.sleep(0.2)


@dataclass(frozen=True, slots=True)
class Place:
    """A hypervisor with a pool and a network of the tests' own, and the options that name them."""

    hypervisor: Hypervisor
    pool: str
    network: str
    folder: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("--connect", self.hypervisor.uri, "--pool", self.pool, "--nic", f"network={self.network}")

    def domains(self) -> list[Domain]:
        """The domains with a disk in the pool; others are another worker's."""
        found = self.hypervisor.definitions()
        return [domain for domain, tree in found if any(str(self.folder) in file for file in disk_files(tree))]

    def state(self) -> dict[str, Any]:
        """What must be as before: domains, volumes, and what the network is defined as."""
        pool = self.hypervisor.pool(self.pool)
        return {
            "domains": sorted(domain.name for domain in self.domains()),
            "volumes": sorted(pool.names()),
            "network": self.hypervisor.network(self.network).definition(),
        }


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that QEMU, which libvirt runs as a user of its own, may look into; pytest's are root's alone."""
    with tempfile.TemporaryDirectory(prefix="golden-nodes-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def own_place(uri: str, octet: int) -> Iterator[Place]:
    """A place for nodes in a folder of its own; whatever is left there at the end goes."""
    with (
        open_folder() as folder,
        connect(uri, folder / "embedded", silent) as hypervisor,
        own_pool(hypervisor, folder / "pool") as pool,
        own_network(hypervisor, octet) as network,
    ):
        place = Place(hypervisor, pool, network, folder / "pool")
        try:
            yield place
        finally:
            for domain in place.domains():
                domain.destroy()
                domain.undefine()
