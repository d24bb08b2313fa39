"""Plans of recipes that stand on another's template, on a fabricated store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builder import process
from builder.errors import HostError, RequestError
from builder.paths import Output
from builder.plan import Plan, make_plan
from builder.recipe import load
from builder.store import Version
from tests.nodes.templates import fabricate
from tests.store.manifests import make_action

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS me"

MakePlan = Callable[..., Plan]


@pytest.fixture
def output(tmp_path: Path) -> Output:
    output = Output(tmp_path / "output")
    output.cache.mkdir(parents=True)
    output.secret_key.write_bytes(b"0" * 32)
    return output


@pytest.fixture
def plan(output: Output, tmp_path: Path) -> MakePlan:
    """Plans a recipe on the template `web`, with further lines of YAML beside."""

    def plan(*, beside: str = "", template: str = "web", parent_plan: Plan | None = None) -> Plan:
        file = tmp_path / "shop.yaml"
        file.write_text(f"name: shop\nbase: {{template: {template}}}\n{beside}\nsteps: [timezone: UTC]\n")
        return make_plan(load(file), output, parent_plan=parent_plan)

    return plan


def another_disk(folder: Path) -> Path:
    disk = folder / "another.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", str(disk), "64M"])
    return disk


def publish(output: Output, plan: Plan) -> Version:
    """Publish a version of `shop`, as a build of that plan would describe it."""
    actions = [make_action(action.step, key=action.key, digest=action.digest) for action in plan.actions]
    assert plan.parent
    parent = {"template": "web", "version": plan.parent.name, "digest": plan.parent.manifest.disk.sha256}
    return fabricate(output, "shop", key=plan.publish.key, actions=actions, parent=parent)


def test_the_key_follows_the_disk(plan: MakePlan, output: Output, tmp_path: Path) -> None:
    first = fabricate(output, "web")
    made = plan()
    assert made.parent == first
    assert made.base.title == f"template web:{first.name}"
    publish(output, made)
    assert not plan().changed

    again = fabricate(output, "web", summary="the same disk")
    told = plan()
    assert (told.changed, told.parent) == (False, again)
    fabricate(output, "web", another_disk(tmp_path))
    moved = plan()
    assert moved.changed
    assert [action.reason for action in moved.actions] == [
        f"the parent was web:{first.name} before",
        *[f"follows {moved.base.title}"] * 3,
    ]
    assert not plan(template=f"web:{first.name}").changed


def test_what_its_parents_steps_put_there_is_kept(plan: MakePlan, output: Output) -> None:
    fabricate(output, "web")
    bare = plan()
    assert (bare.seal.kept, bare.seal.users) == (frozenset(), ())
    fabricate(output, "web", kept={"paths": ["/root/.ssh/authorized_keys"], "users": ["alice"]})
    made = plan(beside="seal: {also: [user-account], keep-users: [bob]}")
    assert made.seal.kept == {"/root/.ssh/authorized_keys"}
    assert made.seal.users == ("alice", "bob")
    assert made.base.key == bare.base.key
    assert made.seal.key != bare.seal.key


def test_what_there_is_not_is_said_with_its_place(plan: MakePlan, output: Output) -> None:
    with pytest.raises(RequestError, match=r"shop\.yaml:2:7: no such template: web\nhint: .*--with-parents"):
        plan()
    version = fabricate(output, "web")
    with pytest.raises(RequestError, match=r"shop\.yaml:2:7: no such version or channel: web@tested"):
        plan(template="web@tested")
    with pytest.raises(RequestError, match=rf"shop\.yaml:2:7: {version} is larger than `size:` in the recipe"):
        plan(beside="size: 32M")
    version.manifest_file.chmod(0o644)
    version.manifest_file.write_text("{}")
    with pytest.raises(HostError, match=f"the manifest of {version} is damaged"):
        plan()


def test_a_parent_that_is_built_first(plan: MakePlan, output: Output, tmp_path: Path) -> None:
    parent = tmp_path / "web.yaml"
    parent.write_text("name: web\nbase: {image: disk.raw}\nsteps: [ssh-inject: {user: root, file: key}]\n")
    (tmp_path / "disk.raw").write_bytes(b"a disk")
    (tmp_path / "key").write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS me\n"
    )
    above = make_plan(load(parent), output)
    assert above.changed
    made = plan(parent_plan=above)
    assert (made.awaits, made.parent, made.changed) == ("web", None, True)
    assert made.base.reason == "the template web is built first"
    assert made.seal.kept == above.seal.kept != frozenset()
    assert not any(action.reused for action in made.actions)

    actions = [make_action(action.step, key=action.key, digest=action.digest) for action in above.actions]
    version = fabricate(output, "web", key=above.publish.key, actions=actions)
    built = make_plan(load(parent), output)
    assert not built.changed
    assert plan(parent_plan=built).awaits is None
    assert plan(parent_plan=built).parent == version
