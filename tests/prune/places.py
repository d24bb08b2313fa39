"""Hypervisors of libvirt's test driver: real XML, no machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from builder import process
from builder.domains.metadata import SPACE
from builder.events import silent
from builder.hypervisor.connection import Hypervisor, connect
from builder.paths import Output
from builder.store import Store
from tests.nodes.templates import fabricate

NODE = """\
<metadata><g:node xmlns:g="{space}"><g:template>{template}</g:template><g:version>{version}</g:version>
<g:digest>x</g:digest>{volumes}</g:node></metadata>"""


def domain(name: str, *disks: str, node: tuple[str, str] | None = None, made: Sequence[str] = ()) -> str:
    """A domain with disks, each a `<disk>` or a qcow2 file; for a node, with its template and version."""
    about = ""
    if node:
        volumes = "".join(f'<g:volume pool="default" name="{each}"/>' for each in made)
        about = NODE.format(space=SPACE, template=node[0], version=node[1], volumes=volumes)
    shown = "".join(each if each.startswith("<") else disk(each, number) for number, each in enumerate(disks))
    return (
        f"<domain type='test'><name>{name}</name>{about}<memory>1024</memory><os><type>hvm</type></os>"
        f"<devices>{shown}</devices></domain>"
    )


def disk(file: str, number: int = 0, *, format: str = "qcow2", device: str = "disk", inside: str = "") -> str:
    target = f"vd{chr(ord('a') + number)}"
    return (
        f"<disk type='file' device='{device}'><driver name='qemu' type='{format}'/><source file='{file}'/>{inside}"
        f"<target dev='{target}' bus='virtio'/></disk>"
    )


def volume_disk(pool: str, volume: str) -> str:
    """A disk that refers to a volume of a pool."""
    source = f"<source pool='{pool}' volume='{volume}'/>"
    return f"<disk type='volume'><driver type='qcow2'/>{source}<target dev='vda'/></disk>"


def pool(name: str, *volumes: tuple[str, str, str | None]) -> str:
    """A pool and its volumes: name, path and backing file."""
    return (
        f"<pool type='dir'><name>{name}</name><target><path>/pools/{name}</path></target>"
        f"{''.join(_volume(*each) for each in volumes)}</pool>"
    )


def _volume(name: str, path: str, backing: str | None) -> str:
    below = f"<backingStore><path>{backing}</path></backingStore>" if backing else ""
    target = f"<target><path>{path}</path><format type='qcow2'/></target>"
    return f"<volume><name>{name}</name><capacity>1</capacity>{target}{below}</volume>"


def written(folder: Path, *parts: str) -> str:
    """The URI of a hypervisor with these domains and pools."""
    file = folder / f"node{len(list(folder.glob('node*.xml')))}.xml"
    file.write_text(f"<node>{''.join(parts)}</node>")
    return f"test://{file}"


@contextmanager
def hypervisor(folder: Path, *parts: str, uri: str | None = None) -> Iterator[Hypervisor]:
    """A hypervisor with these domains and pools, under another `uri` if one is given."""
    with connect(written(folder, *parts), folder / "embedded", silent) as found:
        if uri:
            found = Hypervisor(found.connection, uri, folder / "volumes", silent)
        yield found


def overlay(file: Path, backing: Path | str) -> str:
    """An overlay on this host, based on a file that need not exist."""
    file.parent.mkdir(parents=True, exist_ok=True)
    command = ["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", str(backing), str(file), "64M"]
    process.run(command)
    return str(file)


def versions(output: Output, name: str = "web", count: int = 3) -> list[str]:
    """Made-up versions, oldest first; `latest` points to the last."""
    made = [fabricate(output, name).name for _ in range(count)]
    assert [version.name for version in Store(output.templates).versions(name)] == made
    return made
