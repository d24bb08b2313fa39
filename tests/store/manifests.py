"""Manifests of made-up versions."""

from __future__ import annotations

from typing import Any


def make_manifest(template: str, version: str, **changes: Any) -> dict[str, Any]:
    """A manifest with all fields that golden reads, and with `changes`."""
    return {
        "template": template,
        "version": version,
        "summary": "a web server",
        "created": "2026-11-23T10:11:12+00:00",
        "builder": "0.1.0",
        "key": "ef" * 32,
        "recipe": {"file": "web.yaml", "sha256": "cd" * 32},
        "parent": None,
        "kept": {"paths": [], "users": []},
        "guest": {"distribution": "debian", "major": 12, "minor": 5, "arch": "x86_64"},
        "disk": {"file": "disk.qcow2", "format": "qcow2", "sha256": "ab" * 32, "size": 4 << 30, "bytes": 300 << 20},
        "firmware": "bios",
        "domain": {"vcpus": 2, "memory": 2 << 30, "network": "default"},
        "verify": {"commands": [], "grown": []},
        "actions": [
            make_action("base", title="bootstrap debian bookworm", status="cached"),
            make_action("timezone", title="timezone UTC", seconds=1.25),
        ],
        "audit": [{"step": "timezone UTC", "ok": True, "message": "it is UTC"}] * 3,
        "packages": [{"name": "lftp"}, {"name": "curl"}],
        **changes,
    }


def make_action(step: str, **changes: Any) -> dict[str, Any]:
    """An entry of a manifest's `actions`."""
    return {
        "step": step,
        "title": step,
        "key": "12" * 32,
        "digest": "34" * 32,
        "status": "ran",
        "seconds": 0.0,
        "observations": {},
    } | changes
