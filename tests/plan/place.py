"""An output folder with what builds leave there, without any disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from builder.events import Event, Notice
from builder.layers import Layer, LayerCache
from builder.paths import Output
from builder.plan import Action, Plan, Refresh, make_plan
from builder.recipe import load
from builder.store import Store
from tests.store.manifests import make_action, make_manifest

Seen = Mapping[str, Mapping[str, str | None] | None]
"""What actions saw upstream, by their title; None where a manifest knows that it is unknown."""


class Place:
    """An output folder, and recipes of a few `touch` steps on one image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = Output(folder / "output")
        self.output.cache.mkdir(parents=True)
        self.output.secret_key.write_bytes(b"0" * 32)
        (folder / "disk.img").write_text("a disk")
        self.heard: list[Event] = []

    def plan(self, *steps: str, name: str = "web", refresh: Refresh | None = None, base: str = "") -> Plan:
        file = self.folder / f"{name}.yaml"
        listed = "".join(f"  - touch: /{step}\n" for step in steps or ("a", "b", "c"))
        text = f"name: {name}\nbase: {base or '{image: disk.img}'}\nsteps:\n{listed}"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        return make_plan(load(file), self.output, self.heard.append, refresh=refresh)

    def look(self, *steps: str, name: str = "web", policy: str = "keep") -> Plan:
        """As `golden plan --refresh`, in a process of its own."""
        return self.plan(*steps, name=name, refresh=Refresh("fail" if policy == "fail" else "keep"))

    def build(self, plan: Plan, seen: Seen, until: str = "publish") -> None:
        """Do what a build does with a plan: what runs sees that upstream, and `until` that action all goes well."""
        if plan.renewal:
            plan.renewal.record()
        parent: Layer | None = None
        records: list[dict[str, object]] = []
        for action in plan.actions:
            if action.title == until and until != "publish":
                return
            if action is plan.publish:
                break
            cache = LayerCache(self.output.layers if parent else self.output.bases)
            record = {"log": "", "observations": seen.get(action.title) or {}}
            layer = cache.find(action.key, parent)
            if layer is None:
                staged = cache.staging("test", 1)
                staged.write_text("a disk")
                assert cache.commit(action.key, staged, record, parent)
                layer = cache.find(action.key, parent)
                assert layer is not None
            known = None if seen.get(action.title, {}) is None else layer.record["observations"]
            records.append(self._entry(action) | {"observations": known})
            parent = layer
        if plan.changed:
            self._publish(plan, [*records, self._entry(plan.publish)])

    def _entry(self, action: Action) -> dict[str, object]:
        return make_action(action.step, title=action.title, key=action.key, digest=action.digest)

    def _publish(self, plan: Plan, actions: list[dict[str, object]]) -> None:
        store, template = Store(self.output.templates), plan.recipe.name
        staged = self.output.root / "staged"
        staged.mkdir()
        (staged / "disk.qcow2").write_text("a disk")
        name = f"20261123.{len(store.versions(template)) + 1}-00000000"
        manifest = make_manifest(template, name, key=plan.publish.key, actions=actions)
        (staged / "manifest.json").write_text(json.dumps(manifest))
        store.admit(staged, template, name)
        store.point(template, "latest", name)

    def forget_layers(self) -> None:
        for folder in (self.output.bases, self.output.layers):
            for file in [*folder.glob("*.json"), *folder.glob("*.qcow2")]:
                file.unlink()

    def warnings(self) -> list[str]:
        said = [event.text for event in self.heard if isinstance(event, Notice) and event.warning]
        self.heard.clear()
        return said
