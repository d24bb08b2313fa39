"""A node's domain: no name and no setting can add an element to it."""

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
    # An empty text leaves out the interface's <mac>.
    assert shape(make(text or "x")) == SHAPE


@given(HOSTILE.filter(lambda text: "\r" not in text))
def test_metadata_round_trip(text: str) -> None:
    try:
        check_text(text, "it")
    except RequestError:
        return
    known = NodeMetadata(
        "web", "v", "d", (NodeVolume(text, "a"),), (NodeReservation("net", Reservation(text, "10.0.0.1", "n")),)
    )
    kept = known.to_xml().replace("<node>", f'<node xmlns="{metadata.SPACE}">')  # as libvirt stores it
    tree = ElementTree.fromstring(f"<domain><metadata>{kept}</metadata></domain>")
    found = metadata.parse(tree)
    assert found is not None
    # XML parsers turn line ends and tabs in attributes into spaces.
    assert found.volumes[0].pool == " ".join(text.replace("\n", "\t").split("\t"))
    assert found.reservations[0].reservation.address == "10.0.0.1"


def test_a_domain_without_metadata() -> None:
    assert metadata.parse(ElementTree.fromstring("<domain><name>x</name></domain>")) is None


def test_no_text_adds_an_element_to_a_volume() -> None:
    hostile = '"><x/>'
    xml = render("volume", name=hostile, capacity=1, format=hostile, backing=None)
    assert shape(xml) == ["volume", "name", "capacity", "allocation", "target", "format"]
