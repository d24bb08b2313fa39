"""A node's domain: whatever it is called and whatever is set, no element is added."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from builder.domains import metadata
from builder.domains.metadata import NodeMetadata, NodeReservation, NodeVolume
from builder.errors import RequestError
from builder.hypervisor.networks import Reservation
from builder.hypervisor.xml import check_text, render, render_text
from builder.nodes.identity.nics import Nic
from tests.nodes.templates import template_text

HOSTILE = st.text(max_size=60) | st.sampled_from(
    ["</name><devices/>", "']]><!--", '"/><disk type="block"/>', "{{ name }}", "{% for x in y %}", "&lt;", "]]>"]
)


def shape(xml: str) -> list[str]:
    return [element.tag for element in ElementTree.fromstring(xml).iter()]


def make(text: str) -> str:
    volumes = [NodeVolume(text, text)]
    reservations = [NodeReservation(text, Reservation(text, text, text))]
    disks = [{"file": text, "format": text, "device": text, "read_only": False}]
    settings = dict.fromkeys(("title", "description", "machine", "cpu_mode"), text)
    return render_text(
        TEMPLATE,
        **settings,
        name=text,
        uuid=text,
        domain_type="qemu",
        memory=text,
        vcpus=text,
        disks=disks,
        nics=[Nic("network", text, text, text), Nic("bridge", text, text, text)],
        volumes=volumes,
        reservations=reservations,
        console_log=text,
    )


TEMPLATE = template_text("web", "20261123.1-ab12cd34", "ab" * 32)
SHAPE = shape(make("x"))


@given(HOSTILE)
def test_no_text_adds_an_element(text: str) -> None:
    try:
        check_text(text, "it")
    except RequestError:
        return
    # Without any text an interface has no address, and nothing of its own to say it.
    assert shape(make(text or "x")) == SHAPE


@given(HOSTILE.filter(lambda text: "\r" not in text))
def test_metadata_say_what_was_written(text: str) -> None:
    try:
        check_text(text, "it")
    except RequestError:
        return
    known = NodeMetadata(
        "web", "v", "d", (NodeVolume(text, "a"),), (NodeReservation("net", Reservation(text, "10.0.0.1", "n")),)
    )
    kept = known.to_xml().replace("<node>", f'<node xmlns="{metadata.SPACE}">')  # as libvirt does
    tree = ElementTree.fromstring(f"<domain><metadata>{kept}</metadata></domain>")
    found = metadata.parse(tree)
    assert found is not None
    # A reader of XML makes spaces of line ends and tabs in attributes.
    assert found.volumes[0].pool == " ".join(text.replace("\n", "\t").split("\t"))
    assert found.reservations[0].reservation.address == "10.0.0.1"


def test_a_domain_that_is_no_node() -> None:
    assert metadata.parse(ElementTree.fromstring("<domain><name>x</name></domain>")) is None


def test_volumes_have_no_more_elements_than_they_should() -> None:
    hostile = '"><x/>'
    xml = render("volume", name=hostile, capacity=1, format=hostile, backing=None)
    assert shape(xml) == ["volume", "name", "capacity", "allocation", "target", "format"]
