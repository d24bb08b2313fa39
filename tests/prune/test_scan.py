"""Scanning a store and hypervisors of libvirt's test driver."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder import locks
from builder.errors import RequestError
from builder.hypervisor.connection import Hypervisor
from builder.layers.work import work_folder
from builder.nodes.identity.names import base_volume_name, parse_base_volume_name
from builder.nodes.journal import CloneClaim, CloneJournals
from builder.paths import Output
from builder.prune.plan import RetentionPolicy, plan_prune
from builder.prune.scan import scan
from builder.store import Store
from builder.store.claims import claim
from builder.verify.verify import keep_from_pruning
from tests.nodes.templates import fabricate
from tests.prune.places import disk, domain, hypervisor, overlay, pool, versions, volume_disk

NOW = datetime(2026, 12, 24, tzinfo=UTC)
STRICT = RetentionPolicy(keep_last=0, keep_failed=0)


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


def kept(output: Output, *hypervisors: Hypervisor, now: datetime = NOW) -> dict[str, str]:
    """Why versions are kept, by template and number."""
    graph, unseen = scan(output, hypervisors)
    assert unseen == []
    plan = plan_prune(graph, STRICT, now)
    return {
        short(decision.version.place, decision.version.name): decision.reason
        for decision in plan.decisions
        if decision.keep
    }


def short(template: str, version: str) -> str:
    return f"{template}{version.partition('.')[2].partition('-')[0]}"


def numbers(output: Output, *hypervisors: Hypervisor) -> list[str]:
    return [*kept(output, *hypervisors)]


def test_the_store_alone(output: Output) -> None:
    first, second, third = versions(output)
    Store(output.templates).promote("web", first, "stable")
    assert kept(output) == {"web1": "the channel stable points to it", "web3": "the channel latest points to it"}
    result = output.templates / "web/verification" / second / "result.json"
    result.parent.mkdir(parents=True)
    result.write_text('{"passed": false}')
    graph, _ = scan(output, [])
    assert {version.name: facts.failed for version, facts in graph.versions.items()} == {
        first: False,
        second: True,
        third: False,
    }
    assert {facts.bytes for facts in graph.versions.values()} == {200 << 10}


def test_children_keep_their_parents(output: Output) -> None:
    first, *_ = versions(output)
    fabricate(output, "shop", parent={"template": "web", "version": first, "digest": "x"})
    assert kept(output)["web1"].startswith("shop:")
    fabricate(output, "shop")
    assert numbers(output) == ["shop2", "web3"], "the child that stood on it goes, too"


def test_a_damaged_manifest(output: Output) -> None:
    for content in ("", "[]", '{"created": 5}', '{"created": "yesterday", "parent": [], "disk": 1}'):
        first, *_ = versions(output)
        manifest = output.templates / "web" / first / "manifest.json"
        manifest.chmod(0o644)
        manifest.write_text(content)
        assert kept(output)["web1"] == "its manifest cannot be read"
        shutil.rmtree(output.templates)


def test_domains_and_the_chains_below_them(output: Output, tmp_path: Path) -> None:
    one, two, three, four, *_ = versions(output, count=7)
    store, pools = output.templates / "web", tmp_path / "pools"
    # By metadata alone; by three overlays over a base in a pool; over the store's own disk, by a relative
    # name, in the XML of the live chain only; and by one that ends in a circle.
    base = pools / base_volume_name("web", two, "qcow2")
    pools.mkdir()
    shutil.copy(store / two / "disk.qcow2", base)
    deep = overlay(pools / "3.qcow2", overlay(pools / "2.qcow2", overlay(pools / "1.qcow2", base)))
    relative = overlay(pools / "r.qcow2", os.path.relpath(store / three / "disk.qcow2", pools))
    inside = (
        f"<backingStore type='file'><format type='qcow2'/><source file='{store / four / 'disk.qcow2'}'/></backingStore>"
    )
    circle = overlay(pools / "c1.qcow2", overlay(pools / "c2.qcow2", pools / "c1.qcow2"))
    with hypervisor(
        tmp_path,
        domain("meta", node=("web", one)),
        domain("deep", deep),
        domain("relative", relative),
        domain("live", disk("/gone.raw", format="raw", inside=inside)),
        domain("circle", circle),
        domain("cd", disk("/gone.iso", device="cdrom", format="raw")),
    ) as found:
        reasons = kept(output, found)
        uri = found.uri
    assert [*reasons] == ["web1", "web2", "web3", "web4", "web7"]
    assert reasons["web2"] == f"the domain deep on {uri} uses it"


def test_through_links(output: Output, tmp_path: Path) -> None:
    first, *_ = versions(output)
    (tmp_path / "link").symlink_to(output.templates)
    with hypervisor(tmp_path, domain("linked", f"{tmp_path}/link/web/{first}/disk.qcow2")) as found:
        assert numbers(output, found) == ["web1", "web3"]


def test_snapshots(output: Output, tmp_path: Path) -> None:
    """A version that only a snapshot uses is needed as well."""
    first, second, _ = versions(output)
    now, then = (str(output.templates / "web" / name / "disk.qcow2") for name in (first, second))
    with hypervisor(tmp_path, domain("one", then)) as found:
        one = found.connection.lookupByName("one")
        one.snapshotCreateXML("<domainsnapshot><name>s</name></domainsnapshot>")
        found.connection.defineXML(domain("one", now).replace("</name>", f"</name><uuid>{one.UUIDString()}</uuid>", 1))
        assert found.domains()[0].files() == [now]
        assert numbers(output, found) == ["web1", "web2", "web3"]


def test_broken_chains(output: Output, tmp_path: Path) -> None:
    first, *_ = versions(output)
    versions(output, "db")
    base = base_volume_name("web", first, "qcow2")
    # Its base or the node's own disk was removed: the node may use any version of that template.
    for broken in (
        domain("base", overlay(tmp_path / "a.qcow2", tmp_path / "pool" / base)),
        domain("root", "/pool/gone/node1.qcow2", node=("web", first), made=["node1.qcow2"]),
        domain("store", f"{output.templates}/web/20990101.1-00000000/disk.qcow2"),
    ):
        with hypervisor(tmp_path, broken) as found:
            assert numbers(output, found) == ["db3", "web1", "web2", "web3"], broken
    # What these are based on is unknown.
    (tmp_path / "torn.qcow2").write_bytes(b"QFI\xfb\0\0\0\3" + bytes(7) + b"\x68\0\0\0\x20")
    network = overlay(tmp_path / "network.qcow2", "nbd://host/x")
    for broken in (
        domain("gone", "/pool/gone/other.qcow2"),
        domain("deep", overlay(tmp_path / "b.qcow2", "/pool/gone/c.qcow2")),
        domain("torn", str(tmp_path / "torn.qcow2")),
        domain("network", network),
        domain("else", "/pool/gone/else.qcow2", node=("web", first), made=["node1.qcow2"]),
        domain("pool", volume_disk("x", "y")),
    ):
        with hypervisor(tmp_path, broken) as found:
            reasons = kept(output, found)
            assert len(reasons) == 6, broken
            assert " may be based on it: " in reasons["web2"]


def test_volumes_of_pools(output: Output, tmp_path: Path) -> None:
    """Files of another host: only libvirt knows them."""
    first, second, third, _ = versions(output, count=4)
    bases = [base_volume_name("web", name, "qcow2") for name in (first, second, third)]
    volumes = [(base, f"/pools/default/{base}", None) for base in bases]
    with hypervisor(
        tmp_path,
        pool("default", *volumes, ("node1.qcow2", "/pools/default/node1.qcow2", volumes[0][1])),
        pool(
            "other", ("x.qcow2", "/pools/other/x.qcow2", "/pools/default/node1.qcow2"), ("y.iso", "/pools/y.iso", None)
        ),
        domain("vol", volume_disk("default", bases[1])),
        uri="qemu+ssh://root@far/system",
    ) as found:
        graph, unseen = scan(output, [found])
        assert unseen == []
        plan = plan_prune(graph, STRICT, NOW)
        reasons = {decision.version.name: decision.reason for decision in plan.decisions if decision.keep}
        assert reasons[first] == "the file /pools/default/node1.qcow2 on far is based on it"
        assert reasons[second] == "the domain vol on qemu+ssh://root@far/system uses it"
        (gone,) = plan.removed
        assert (gone.version.name, [base.name for base in gone.bases]) == (third, [volumes[2][1]])


def test_a_disk_of_another_host_in_no_pool(output: Output, tmp_path: Path) -> None:
    versions(output)
    far = "qemu+ssh://far/system"
    with hypervisor(tmp_path, domain("x", "/data/x.qcow2"), uri=far) as found:
        assert len(kept(output, found)) == 3
    with hypervisor(tmp_path, domain("x", disk("/data/x.raw", format="raw")), uri=far) as found:
        assert numbers(output, found) == ["web3"]


def test_a_pool_that_is_not_active(output: Output, tmp_path: Path) -> None:
    first, *_ = versions(output)
    closed = tmp_path / "closed"
    overlay(closed / "node1.qcow2", closed / base_volume_name("web", first, "qcow2"))
    shutil.copy(output.templates / "web" / first / "disk.qcow2", closed / base_volume_name("web", first, "qcow2"))
    text = pool("sleeping").replace("/pools/sleeping", str(closed))
    for uri, expected in ((None, []), ("qemu+ssh://far/system", ["the pool sleeping of"])):
        with hypervisor(tmp_path, text, uri=uri) as found:
            found.connection.storagePoolLookupByName("sleeping").destroy()
            graph, unseen = scan(output, [found])
            assert [each[: len(said)] for each, said in zip(unseen, expected, strict=True)] == expected
            if not expected:
                assert not graph.bases, "nothing can be deleted there now"
                removed = [decision.version.name for decision in plan_prune(graph, STRICT, NOW).removed]
                assert first not in removed
                assert len(removed) == 1


def test_volumes_that_are_not_to_be_seen_from_here(output: Output, tmp_path: Path) -> None:
    """Such as volumes of a pool without files, or of a daemon with other file systems."""
    first, *_ = versions(output)
    base = base_volume_name("web", first, "qcow2")
    volumes = [("image", "rbd/image", None), ("node", "/gone/node", f"/gone/{base}"), (base, f"/gone/{base}", None)]
    with hypervisor(tmp_path, pool("other", *volumes), domain("node", "/gone/node")) as found:
        assert numbers(output, found) == ["web1", "web3"]


def test_the_embedded_drivers_folder(output: Output, tmp_path: Path) -> None:
    first, second, _ = versions(output)
    folder = tmp_path / "volumes"
    folder.mkdir()
    bases = [base_volume_name("web", name, "qcow2") for name in (first, second)]
    for name, base in zip((first, second), bases, strict=True):
        os.link(output.templates / "web" / name / "disk.qcow2", folder / base)
    overlay(folder / "node1.qcow2", folder / bases[0])
    with hypervisor(tmp_path, uri="qemu:///embed?root=/x") as found:
        graph, _ = scan(output, [found])
        plan = plan_prune(graph, STRICT, NOW)
    (gone,) = plan.removed
    assert (gone.version.name, [base.name for base in gone.bases]) == (second, [str(folder / bases[1])])


def test_a_clone_under_way(output: Output) -> None:
    first, second, _ = versions(output)
    with CloneJournals(output.clones).open_journal() as journal:
        choice = CloneClaim(
            "qemu+ssh://far/system", "default", base_volume_name("web", first, "raw"), ["n1", "n2"], [], [], []
        )
        journal.write_claim(choice)
        assert kept(output)["web1"] == "the running clone of n1, n2 on qemu+ssh://far/system uses it"
        # A killed clone that was not undone yet.
        record = choice.__class__("x", "p", base_volume_name("web", second, "qcow2"), ["n3"], [], [], [])
        (output.clones / "dead.jsonl").write_text(json.dumps({f: getattr(record, f) for f in choice.__slots__}) + "\n")
        assert numbers(output) == ["web1", "web2", "web3"]
        (output.clones / "torn.jsonl").write_text('{"uri":')
    assert numbers(output) == ["web2", "web3"]


def test_a_build_under_way(output: Output) -> None:
    first, *_ = versions(output)
    versions(output, "shop")
    parent = Store(output.templates).find(f"web:{first}")
    with locks.held(output.work / "shop.lock"):
        claim("shop", parent, output)
        reasons = kept(output)
        assert reasons["web1"] == "the running build of shop is based on it"
        assert reasons["shop1"] == "a build of the template is running"
        claim("shop", None, output)
        assert "web1" not in kept(output)
        claim("shop", parent, output)
    assert numbers(output) == ["shop3", "web3"], "the build has ended"
    shutil.rmtree(parent.folder)
    with pytest.raises(RequestError, match="was removed while the build started"):
        claim("shop", parent, output)


def test_a_verification_under_way(output: Output) -> None:
    first, *_ = versions(output)
    with work_folder(output) as work:
        clone = work / "1/disk.qcow2"
        overlay(clone, output.templates / "web" / first / "disk.qcow2")
        assert kept(output)["web1"] == f"the file {clone} on this host is based on it"
    overlay(output.work / "dead/disk.qcow2", "/gone.qcow2")
    assert numbers(output) == ["web3"]


def test_a_verification_that_begins(output: Output) -> None:
    """Its version is kept before the first clone exists; a version removed meanwhile is refused."""
    first, second, _ = (Store(output.templates).find(f"web:{name}") for name in versions(output))
    shutil.rmtree(second.folder)
    with work_folder(output) as work:
        with pytest.raises(RequestError, match="another command has just removed"):
            keep_from_pruning(second, output, work)
        keep_from_pruning(first, output, work)
        assert kept(output)["web1"].startswith("the file ")
    assert numbers(output) == ["web3"]


def test_names_of_bases() -> None:
    version = "20261123.1-ab12cd34"
    assert parse_base_volume_name(base_volume_name("my-web.2", version, "raw")) == ("my-web.2", version)
    for other in (
        "node1.qcow2",
        f"golden-{version}.qcow2",
        f"golden-web-{version}.iso",
        f"golden-web-{version}.qcow2.bak",
    ):
        assert parse_base_volume_name(other) is None


def test_every_user_of_a_template(output: Output, tmp_path: Path) -> None:
    """A domain of an unknown version, and one that was removed meanwhile, are ignored."""
    versions(output)
    parts: Sequence[str] = (domain("other", node=("else", "20261123.1-00000000")), domain("none"))
    with hypervisor(tmp_path, *parts) as found:
        assert numbers(output, found) == ["web3"]
