"""`golden network …` with a real libvirtd: its output, and the state afterwards."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from builder.events import silent
from builder.hypervisor.connection import Hypervisor, connect
from tests.conftest import GOLDEN, Golden

pytestmark = pytest.mark.slow

NAME = f"net-{os.getpid()}"
OTHER = f"other-{os.getpid()}"
SUBNET = f"10.94.{os.getpid() % 250}"
"""Test workers run in parallel on one daemon, so each has its own names and addresses."""

DOMAIN = """
<domain type="qemu">
  <name>{name}</name>
  <memory unit="MiB">32</memory>
  <os><type>hvm</type></os>
  <devices><interface type="{kind}"><source {kind}="{source}"/></interface></devices>
</domain>
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hypervisor(libvirtd: str, tmp_path: Path) -> Iterator[Hypervisor]:
    """A connection. At the end our networks and domains are removed, even if the test fails."""
    with connect(libvirtd, tmp_path / "embedded", silent) as hypervisor:
        before = ours(hypervisor)
        try:
            yield hypervisor
            assert ours(hypervisor) == before
            assert not dnsmasq()
        finally:
            for domain in (hypervisor.find_domain(name) for name in (NAME, OTHER)):
                if domain:
                    domain.destroy()
                    domain.undefine()
            for network in (hypervisor.find_network(name) for name in (NAME, OTHER)):
                if network:
                    network.stop()
                    network.undefine()


def ours(hypervisor: Hypervisor) -> set[str]:
    """Our networks; other workers have networks, too."""
    return {network.name for network in hypervisor.networks()} & {NAME, OTHER}


def dnsmasq() -> list[str]:
    """The command lines of the DHCP servers of our networks."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(file.read_text(errors="replace"))
    return [line for line in found if "dnsmasq" in line and (NAME in line or OTHER in line)]


@pytest.fixture
def run(golden: Golden, hypervisor: Hypervisor) -> Run:
    """Runs `golden network …` on that daemon."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return golden("network", *arguments, "--connect", hypervisor.uri, env={"VISUAL": "", **(env or {})})

    return run


def info(run: Run, name: str = NAME) -> dict[str, Any]:
    done = run("info", name, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture
def vbr(run: Run) -> dict[str, Any]:
    """The network of the README, with another name and address."""
    options = ("--address", f"{SUBNET}.254/24", "--dhcp", f"{SUBNET}.100-{SUBNET}.200", "--nat", "--autostart")
    done = run("create", NAME, *options, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_life_cycle(vbr: dict[str, Any], run: Run) -> None:
    assert (vbr["state"], vbr["autostart"], vbr["mode"]) == ("active", True, "nat")
    assert (vbr["addresses"], vbr["dhcp"]) == ([f"{SUBNET}.254/24"], [f"{SUBNET}.100-{SUBNET}.200"])
    assert f"inet {SUBNET}.254/24 " in subprocess.check_output(["ip", "address", "show", vbr["bridge"]], text=True)
    assert dnsmasq()
    assert info(run) == vbr
    listed = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert listed[NAME].items() <= vbr.items()
    (line,) = [line.split() for line in run("list").stdout.splitlines() if line.startswith(NAME)]
    dhcp = f"{SUBNET}.100-{SUBNET}.200"
    assert line == [NAME, "active", "yes", "nat", vbr["bridge"], f"{SUBNET}.254/24", dhcp, "0"]
    shown = run("info", NAME).stdout
    assert f"addresses     {SUBNET}.254/24\n" in shown
    assert shown.endswith("domains       none\nreservations  none\nleases        none\n")
    for arguments, said, key, value in (
        (["autostart", NAME, "--off"], f"{NAME} does not start when the host starts\n", "autostart", False),
        (["autostart", NAME], f"{NAME} starts when the host starts\n", "autostart", True),
        (["start", NAME], f"{NAME} is already active\n", "state", "active"),
        (["stop", NAME], f"{NAME} is now inactive\n", "state", "inactive"),
        (["stop", NAME], f"{NAME} is already inactive\n", "state", "inactive"),
        (["start", NAME], f"{NAME} is now active\n", "state", "active"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
        assert info(run)[key] == value
    done = run("remove", NAME)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: cannot ask whether to remove {NAME}: no terminal\nhint: pass --yes to remove it\n"
    done = run("remove", NAME, "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{NAME} is removed\n")


def test_conflicts_are_refused_and_nothing_is_defined(vbr: dict[str, Any], run: Run, hypervisor: Hypervisor) -> None:
    done = run("create", NAME, "--address", f"{SUBNET}.129/25", "--bridge", vbr["bridge"])
    assert (done.returncode, done.stdout) == (2, "")
    assert f"NAME {NAME}: the name is taken\n" in done.stderr
    assert f"--bridge {vbr['bridge']}: the bridge is taken\n  the network {NAME} uses it\n" in done.stderr
    assert f"the subnet {SUBNET}.128/25 is taken\n  the network {NAME} has {SUBNET}.0/24\n" in done.stderr
    assert info(run) == vbr
    done = run("create", OTHER, "--address", "127.0.1.1/24", "--bridge", "lo", "--no-start")
    assert done.returncode == 2
    assert "127.0.1.1 cannot be a host's address" in done.stderr
    assert "this host has an interface named lo" in done.stderr
    assert hypervisor.find_network(OTHER) is None
    assert run("remove", NAME, "--yes").returncode == 0


IP_FREEBIND = 15
"""From <linux/in.h>: bind to an address that the host does not have yet."""


def test_a_network_that_does_not_start_is_not_defined(run: Run, hypervisor: Hypervisor) -> None:
    """A failure that cannot be checked beforehand: another program serves DNS on the host's own address."""
    bridge = f"t{os.getpid()}"
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        other.bind((f"{SUBNET}.254", 53))
        done = run("create", NAME, "--address", f"{SUBNET}.254/24", "--bridge", bridge, "--autostart")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: libvirt reports an error\n")
    assert hypervisor.find_network(NAME) is None
    assert not Path("/sys/class/net", bridge).exists()


def test_no_start(run: Run) -> None:
    done = run("create", NAME, "--isolated", "--no-start")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAME}  inactive  isolated  virbr")
    assert run("remove", NAME, "--yes").returncode == 0


def test_a_host_bridge_is_kept(run: Run) -> None:
    bridge = f"b{os.getpid()}"
    done = run("create", NAME, "--host-bridge", bridge)
    assert done.returncode == 2
    assert f"--host-bridge {bridge}: no such bridge\n" in done.stderr
    subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
    try:
        done = run("create", NAME, "--host-bridge", bridge)
        assert (done.returncode, done.stdout) == (0, f"{NAME}  active  bridge  {bridge}\n")
        assert run("remove", NAME, "--yes").returncode == 0
        assert Path("/sys/class/net", bridge).exists()
    finally:
        subprocess.run(["ip", "link", "delete", bridge], check=True)


@pytest.mark.parametrize("kind", ["network", "bridge"])
def test_a_network_in_use_is_kept(kind: str, vbr: dict[str, Any], run: Run, hypervisor: Hypervisor) -> None:
    source = NAME if kind == "network" else vbr["bridge"]
    domain = hypervisor.define(DOMAIN.format(name=OTHER, kind=kind, source=source))
    assert info(run)["domains"] == [{"name": OTHER, "running": False}]
    done = run("remove", NAME, "--yes")
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == (
        f"error: the network {NAME} is in use by {OTHER}\n"
        "  these domains are shut off; without the network they cannot start\n"
        "hint: remove them first, or add --force\n"
    )
    domain.start()
    assert f"domains\n  {OTHER:<20} running\n" in run("info", NAME).stdout
    for arguments in (["stop", NAME], ["remove", NAME, "--yes"], ["remove", NAME, "--yes", "--force"]):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (6, "")
        assert done.stderr == (
            f"error: the network {NAME} is in use by {OTHER}\n"
            "  these domains are running and would lose their connection\n"
            "hint: shut them down first\n"
        )
    assert info(run)["state"] == "active"
    domain.destroy()
    assert run("stop", NAME).returncode == 0
    assert run("remove", NAME, "--yes", "--force").returncode == 0
    domain.undefine()


def test_edit(vbr: dict[str, Any], run: Run, hypervisor: Hypervisor, tmp_path: Path) -> None:
    def edit(script: str) -> subprocess.CompletedProcess[str]:
        return run("edit", NAME, env={"EDITOR": f"sed -i -e '{script}'", "TMPDIR": str(tmp_path)})

    done = edit("")
    assert (done.returncode, done.stderr) == (0, f"{NAME} is unchanged\n")
    done = edit(f"s/{SUBNET}.200/{SUBNET}.150/")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        f"{NAME} is changed; restart it for the change to take effect:\n"
        f"  golden network stop {NAME} && golden network start {NAME}\n"
    )
    assert info(run)["dhcp"] == [f"{SUBNET}.100-{SUBNET}.150"]
    before = hypervisor.network(NAME).xml()
    for script, said in (
        ("s/<bridge/<bridge<bridge/", "not well-formed XML\n"),
        ("s/<name>/&x/", f"error: <name> x{NAME}: must stay {NAME}\n"),
        ("/<uuid>/d", f"error: <uuid>: must stay {vbr['uuid']}\n"),
        ("s/<bridge /&colour='red' /", "error: libvirt rejects this XML\n  XML document failed to validate"),
        (f"s/{SUBNET}.150/{SUBNET}.254/", "the range contains the host's own address\n"),
        (f"s/{SUBNET}.254/{SUBNET}.300/", "error: the edited XML contains an invalid address\n"),
        ("s/virbr[0-9]*/eth0/;s/virbr/lo/;s/eth0/lo/", "error: <bridge> lo: cannot create the bridge\n"),
    ):
        done = edit(script.replace("'", '"'))
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert said in done.stderr
        kept = done.stderr.strip().rpartition("hint: your edited text is saved in ")[2]
        assert Path(kept).read_text() != before
        assert hypervisor.network(NAME).xml() == before
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.is_file()) == [".xml"] * 7
    assert run("remove", NAME, "--yes").returncode == 0


def test_an_edit_does_not_undo_concurrent_changes(vbr: dict[str, Any], run: Run, tmp_path: Path) -> None:
    """Such as a reservation by a clone."""
    editor = tmp_path / "editor"
    update = f"virsh -q -c qemu:///system net-update {NAME} add-last ip-dhcp-host --config --live"
    host = f"<host mac='52:54:00:00:00:01' name='n' ip='{SUBNET}.9'/>"
    editor.write_text(f'#!/bin/sh\n{update} "{host}" >/dev/null\nsed -i s/{SUBNET}.200/{SUBNET}.150/ "$1"\n')
    editor.chmod(0o755)
    done = run("edit", NAME, env={"EDITOR": str(editor), "TMPDIR": str(tmp_path)})
    assert done.returncode == 2
    assert f"somebody else changed the network {NAME} while you edited it\n" in done.stderr
    result = info(run)
    assert result["dhcp"] == [f"{SUBNET}.100-{SUBNET}.200"]
    assert result["reservations"] == [{"mac": "52:54:00:00:00:01", "address": f"{SUBNET}.9", "name": "n"}]
    assert run("remove", NAME, "--yes").returncode == 0


def terminal(*arguments: str, answers: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command on a terminal, type the answers, and return its exit status and all its output."""
    keyboard, screen = pty.openpty()
    with subprocess.Popen(
        [GOLDEN, *arguments], stdin=screen, stdout=screen, stderr=screen, env={**os.environ, **(env or {})}
    ) as process:
        os.close(screen)
        os.write(keyboard, answers.encode())
        shown = b""
        with suppress(OSError):  # raised when the command ends
            while data := os.read(keyboard, 4096):
                shown += data
        process.wait(timeout=60)
    os.close(keyboard)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def test_confirmation_on_a_terminal(vbr: dict[str, Any], hypervisor: Hypervisor, tmp_path: Path) -> None:
    options = ("--connect", hypervisor.uri, "--output", str(tmp_path))
    status, shown = terminal("network", "remove", NAME, *options, answers="n\n")
    assert status == 0
    assert f"remove the network {NAME}? [y/N]: " in shown
    assert f"{NAME} is kept" in shown
    assert hypervisor.find_network(NAME)
    editor = tmp_path / "editor"
    # The first edit is invalid, the second is valid.
    editor.write_text(
        f'#!/bin/sh\ngrep -q "<x>" "$1" && sed -i "s/<x>//; s/{SUBNET}.200/{SUBNET}.199/" "$1" && exit\n'
        'sed -i "s/<name>/<x><name>/" "$1"\n'
    )
    editor.chmod(0o755)
    status, shown = terminal("network", "edit", NAME, *options, answers="y\n", env={"VISUAL": str(editor)})
    assert (status, "not well-formed XML" in shown, "edit it again? [Y/n]: " in shown) == (0, True, True)
    assert str(hypervisor.network(NAME).definition().ranges[0][1]) == f"{SUBNET}.199"
    status, shown = terminal("network", "remove", NAME, *options, answers="y\n")
    assert (status, f"{NAME} is removed" in shown) == (0, True)


@pytest.mark.parametrize("arguments", [["list"], ["create", "x", "--isolated"], ["remove", "default", "--yes"]])
def test_hypervisors_without_networks(golden: Golden, tmp_path: Path, arguments: list[str]) -> None:
    done = golden("network", *arguments, "--connect", "embed", "--output", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no libvirt networks\n" in done.stderr
    assert done.stderr.endswith("hint: use --connect qemu:///system\n")


def test_missing_network(vbr: dict[str, Any], run: Run) -> None:
    for command in ("info", "start", "stop", "autostart", "edit", "remove"):
        done = run(command, f"{NAME}x")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f'error: no such network: {NAME}x; did you mean "{NAME}"?\nhint: ')
    assert run("remove", NAME, "--yes").returncode == 0
