"""The installer's domain."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import libvirt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RequestError
from builder.hypervisor.xml import ILLEGAL
from builder.installer import InstallOrder
from builder.installer.machine import domain_xml

HOSTILE = """</cmdline><x a="b">&amp; ' {{ 7*7 }} {% raw %}"""
FOLDER = Path("/mnt")


def order(*arguments: str, disk: str = "/disk.qcow2", media: tuple[Path, ...] = ()) -> InstallOrder:
    return InstallOrder(Path("/vmlinuz"), Path("/initrd"), arguments, {}, Path(disk), Path("/work"), media)


@given(st.lists(st.text(), min_size=1))
def test_arguments_arrive_as_they_are_or_are_refused(arguments: list[str]) -> None:
    if any(ILLEGAL.search(argument) for argument in arguments):
        with pytest.raises(RequestError, match="argument"):
            domain_xml(order(*arguments), "qemu", FOLDER)
        return
    tree = ElementTree.fromstring(domain_xml(order(*arguments), "kvm", FOLDER))
    # XML has one end of line only.
    sent = " ".join(arguments).replace("\r\n", "\n").replace("\r", "\n")
    assert (tree.findtext("os/cmdline") or "") == sent
    assert len(tree.findall("os/*")) == 4


def test_hostile_words_stay_words() -> None:
    tree = ElementTree.fromstring(
        domain_xml(order(HOSTILE, disk=f"/{HOSTILE}", media=(Path(f"/iso {HOSTILE}"),)), "kvm", FOLDER)
    )
    assert tree.findtext("os/cmdline") == HOSTILE
    assert [source.get("file") for source in tree.iter("source") if source.get("file")] == [
        f"/{HOSTILE}",
        f"/iso {HOSTILE}",
    ]


@pytest.mark.parametrize("kind", ["kvm", "qemu"])
def test_libvirt_takes_it(kind: str) -> None:
    connection = libvirt.open("test:///default")
    two = (Path("/1.iso"), Path("/2.iso"))
    xml = domain_xml(order("console=ttyS0", media=two), "kvm" if kind == "kvm" else "qemu", FOLDER)
    # The test driver knows domains of its own type only.
    defined = connection.defineXML(xml.replace(f'<domain type="{kind}"', '<domain type="test"', 1))
    tree = ElementTree.fromstring(defined.XMLDesc())
    connection.close()
    assert [target.get("dev") for target in tree.findall("devices/disk/target")] == ["vda", "sda", "sdb"]
    assert [tree.findtext(f"on_{event}") for event in ("poweroff", "reboot", "crash")] == ["destroy"] * 3


def test_an_emulated_timer_is_not_put_to_the_trial() -> None:
    lines = [
        ElementTree.fromstring(domain_xml(order("quiet"), kind, FOLDER)).findtext("os/cmdline")
        for kind in ("kvm", "qemu")
    ]
    assert lines == ["quiet", "quiet no_timer_check"]
