"""The seed: an ISO image from which cloud-init reads a node's identity (NoCloud data source)."""

from __future__ import annotations

import ipaddress
import json
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from io import BytesIO
from pathlib import Path
from typing import Any

import pycdlib

from builder.nodes.identity.request import CloneRequest, NodeSpec

LABEL = "cidata"
"""The volume label by which cloud-init finds the seed."""


def write_seed(file: Path, node: NodeSpec, request: CloneRequest) -> None:
    """Write the ISO image of a node's seed. Raises OSError."""
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for number, (name, text) in enumerate(sorted(documents(node, request).items())):
        content = text.encode()
        # cloud-init sees the Rock Ridge name; the plain ISO 9660 name only has to be unique.
        image.add_fp(BytesIO(content), len(content), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
    image.write(str(file))
    image.close()


def documents(node: NodeSpec, request: CloneRequest) -> dict[str, str]:
    """The seed's files, by name. Structured data is JSON: cloud-init reads it as YAML, and json.dumps quotes safely."""
    found = {
        "meta-data": json.dumps({"instance-id": node.uuid, "local-hostname": node.hostname}) + "\n",
        "user-data": user_data(request),
    }
    if node.static is not None:
        found["network-config"] = json.dumps(network_config(node)) + "\n"
    return found


def user_data(request: CloneRequest) -> str:
    """The user's own data as it is, or cloud-config with the SSH keys; if both are given, cloud-init merges them."""
    config = (
        "#cloud-config\n" + json.dumps({"disable_root": False, "ssh_authorized_keys": list(request.ssh_keys)}) + "\n"
    )
    if request.user_data is None:
        return config if request.ssh_keys else "#cloud-config\n{}\n"
    return request.user_data if not request.ssh_keys else _combine(config, request.user_data)


def _combine(config: str, own: str) -> str:
    """Both as parts of one MIME document; cloud-init tells each part's type by its first line."""
    document = MIMEMultipart()
    for text in (config, own):
        document.attach(MIMEText(text, "plain", "utf-8"))
    return document.as_string()


def network_config(node: NodeSpec) -> dict[str, Any]:
    """The first interface's static settings in cloud-init's network configuration format, version 2."""
    settings = node.static
    assert settings is not None, "only called for nodes with a static address"
    interface: dict[str, Any] = {
        "match": {"macaddress": node.nics[0].mac},
        "set-name": settings.name,
        "addresses": [settings.address],
    }
    if settings.gateway:
        default_route = "default" if ipaddress.ip_address(settings.gateway).version == 4 else "::/0"
        interface["routes"] = [{"to": default_route, "via": settings.gateway}]
    if settings.dns:
        interface["nameservers"] = {"addresses": list(settings.dns)}
    return {"version": 2, "ethernets": {settings.name: interface}}
