"""The domain of a node, rendered in its two passes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import libvirt
import pytest
from jinja2.exceptions import UndefinedError

from builder.domains.template import render_domain_template
from builder.guest.info import GuestInfo
from builder.hypervisor.xml import render_text
from builder.recipe import load

DEBIAN = GuestInfo("debian", 12, 5, "x86_64", "apt", "Debian GNU/Linux 12")
NAME = """a <b> & "c" 'd' {{ e }} é"""
DISK = "/pool/<&\">'.qcow2"


def publish(
    folder: Path,
    guest: GuestInfo = DEBIAN,
    options: str = "vcpus: 3, memory: 1G, network: net-1",
    firmware: str = "bios",
) -> str:
    """The first pass, for a recipe with these domain options."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: web\nbase: {{bootstrap: {{distribution: debian, release: bookworm}}}}\ndomain: {{{options}}}\n"
        f"firmware: {firmware}\n"
    )
    return render_domain_template(load(recipe), guest, "20261123.1-ab12cd34", "ab" * 32)


def render(template: str, **given: object) -> str:
    """The second pass, with one disk."""
    disk = {"file": DISK, "format": "qcow2", "device": "vda", "read_only": False}
    return render_text(template, disks=[disk], **given)


def nic(**changes: object) -> dict[str, object]:
    """An interface, as a clone passes it."""
    return {"kind": "network", "source": "default", "model": "virtio", "mac": "52:54:00:12:34:56"} | changes


def found(xml: str, path: str, attribute: str | None = None) -> str | None:
    element = ElementTree.fromstring(xml).find(path)
    assert element is not None, path
    return element.get(attribute) if attribute else element.text


def test_the_golden_file(tmp_path: Path) -> None:
    """Apart from white space, the XML equals domain.xml; a change to that file changes every new node."""
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    rendered = render(publish(tmp_path), name=NAME, domain_type="kvm", uuid=uuid, nics=[nic(source="net-1")])
    golden = Path(__file__).with_name("domain.xml").read_text()
    assert ElementTree.canonicalize(rendered, strip_text=True) == ElementTree.canonicalize(golden, strip_text=True)


def test_a_node_name_cannot_inject_xml(tmp_path: Path) -> None:
    rendered = render(publish(tmp_path), name=NAME, domain_type="qemu")
    assert found(rendered, "name") == NAME
    assert found(rendered, "devices/disk/source", "file") == DISK


def test_values_of_the_clone_win(tmp_path: Path) -> None:
    template = publish(tmp_path)
    given = render(template, name="node", domain_type="kvm", vcpus=8, memory=512 << 20, nics=[nic(source="other")])
    assert [found(given, "vcpu"), found(given, "memory")] == ["8", str(512 << 20)]
    assert found(given, "devices/interface/source", "network") == "other"
    plain = render(template, name="node", domain_type="kvm")
    assert [found(plain, "vcpu"), found(plain, "memory")] == ["3", str(1 << 30)]
    assert found(plain, "devices/interface/source", "network") == "net-1"


@pytest.mark.parametrize(("domain_type", "mode"), [("kvm", "host-passthrough"), ("qemu", "maximum")])
def test_only_kvm_uses_the_host_s_processor(tmp_path: Path, domain_type: str, mode: str) -> None:
    assert found(render(publish(tmp_path), name="node", domain_type=domain_type), "cpu", "mode") == mode


@pytest.mark.parametrize("missing", ["name", "disks", "domain_type"])
def test_required_variables(tmp_path: Path, missing: str) -> None:
    given = {"name": "node", "disks": [], "domain_type": "kvm"}
    del given[missing]
    with pytest.raises(UndefinedError, match=missing):
        render_text(publish(tmp_path), **given)


@pytest.mark.parametrize(
    ("guest", "osinfo"),
    [
        (DEBIAN, "http://debian.org/debian/12"),
        (GuestInfo("ubuntu", 22, 4, "x86_64", "apt", "Ubuntu"), "http://ubuntu.com/ubuntu/22.04"),
        (GuestInfo("centos", 7, 9, "x86_64", "yum", "CentOS"), "http://centos.org/centos/7"),
        (GuestInfo("linuxmint", 21, 0, "x86_64", "apt", "Mint"), "http://libosinfo.org/linux/2022"),
    ],
)
def test_libosinfo_identifiers(tmp_path: Path, guest: GuestInfo, osinfo: str) -> None:
    rendered = render(publish(tmp_path, guest), name="node", domain_type="kvm")
    space = "{http://libosinfo.org/xmlns/libvirt/domain/1.0}"
    assert found(rendered, f"metadata/{space}libosinfo/{space}os", "id") == osinfo


def test_firmware(tmp_path: Path) -> None:
    plain = render(publish(tmp_path), name="node", domain_type="kvm")
    assert (found(plain, "os", "firmware"), found(plain, "os/type", "machine")) == (None, None)
    template = publish(tmp_path, firmware="uefi")
    xml = render(template, name="node", domain_type="kvm")
    assert (found(xml, "os", "firmware"), found(xml, "os/type", "machine")) == ("efi", "q35")
    features = ElementTree.fromstring(xml).findall("os/firmware/feature")
    assert [each.attrib for each in features] == [
        {"enabled": "no", "name": "enrolled-keys"},
        {"enabled": "no", "name": "secure-boot"},
    ]
    other = render(template, name="node", domain_type="kvm", machine="pc-q35-7.2")
    assert found(other, "os/type", "machine") == "pc-q35-7.2"


def test_libvirt_accepts_it(tmp_path: Path) -> None:
    """With its test driver, which knows one architecture and one type, and validates against the schema."""
    template = publish(tmp_path, GuestInfo("debian", 12, 5, "i686", "apt", "Debian"))
    connection = libvirt.open("test:///default")
    try:
        for number, given in enumerate(({}, {"nics": [nic()]})):
            xml = render(template, name=f"{NAME}{number}", disk=DISK, domain_type="test", **given)
            node = connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
            assert node.name() == f"{NAME}{number}"
            assert (node.info()[1], node.info()[3]) == (1 << 20, 3)  # KiB, processors
            kept = node.XMLDesc()
            assert found(kept, "devices/disk/source", "file") == DISK
            assert found(kept, "metadata/{urn:golden:node:1}node/{urn:golden:node:1}version") == "20261123.1-ab12cd34"
            node.create()
            assert node.isActive()
    finally:
        connection.close()
