"""What an install is asked for, and what passes between its two processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.errors import BuildError, CommandError, GoldenError, HostError, HypervisorError
from builder.events import Event, Notice, OutputLine
from builder.installer import InstallLimits, InstallOrder, seen_from_installer
from builder.installer.wire import decode, encode, order_from_json, order_to_json


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://127.0.0.1:8080/tree", "http://10.0.2.2:8080/tree"),
        ("http://localhost/tree?a=b#c", "http://10.0.2.2/tree?a=b#c"),
        ("ftp://anna:secret@127.0.0.2:21/pub", "ftp://anna:secret@10.0.2.2:21/pub"),
        ("http://[::1]:80/", "http://10.0.2.2:80/"),
        ("http://[::ffff:127.0.0.1]/", "http://10.0.2.2/"),
        ("http://LocalHost:1/", "http://10.0.2.2:1/"),
        ("https://mirror.example/127.0.0.1", "https://mirror.example/127.0.0.1"),
        ("http://localhost.example/", "http://localhost.example/"),
        ("http://192.168.1.254/centos7", "http://192.168.1.254/centos7"),
        ("file:///srv/tree", "file:///srv/tree"),
    ],
)
def test_this_host_has_another_address_in_the_machine(url: str, seen: str) -> None:
    assert seen_from_installer(url) == seen


def test_an_order_arrives_as_it_was_sent() -> None:
    sent = InstallOrder(
        kernel=Path("/tree/vmlinuz"),
        initrd=Path("/tree/initrd"),
        arguments=("console=ttyS0", "inst.ks=file:/ks.cfg"),
        inject={},
        disk=Path("/work/disk é.qcow2"),
        work=Path("/work"),
        media=(Path("/a.iso"), Path("/b.iso")),
        firmware="uefi",
        memory=1 << 30,
        processors=3,
        limits=InstallLimits(1.5, 20),
    )
    assert order_from_json(json.loads(json.dumps(order_to_json(sent)))) == sent


@pytest.mark.parametrize("said", [OutputLine('a "line" é'), Notice("a stage"), Notice("careful", warning=True)])
def test_an_event_arrives_as_it_was_sent(said: Event) -> None:
    assert decode(encode(said)) == said


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BuildError("it stopped", details="last\nlines", hint="try"), BuildError),
        (HostError("no space"), HostError),
        (HypervisorError("refused", code=3, details="why"), HostError),
        (CommandError(["qemu-img"], 1, "said"), BuildError),
    ],
)
def test_an_error_arrives_with_its_exit_code(error: GoldenError, kind: type[GoldenError]) -> None:
    arrived = decode(encode(error))
    assert isinstance(arrived, kind)
    assert str(arrived) == str(error)


@pytest.mark.parametrize("line", ["libvirt: QEMU Driver error", "42", "[]", '{"error": "x"}', '{"notice": 1}', ""])
def test_a_librarys_own_talk_is_output(line: str) -> None:
    assert decode(line) == OutputLine(line)
