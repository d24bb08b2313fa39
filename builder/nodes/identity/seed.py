"""The seed from which cloud-init learns who a node is (its NoCloud data source)."""

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
"""The volume's name, by which cloud-init finds it."""


def write_seed(file: Path, node: NodeSpec, request: CloneRequest) -> None:
    """Write the ISO image of a node's seed. Raises OSError."""
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for number, (name, text) in enumerate(sorted(documents(node, request).items())):
        content = text.encode()
        # What cloud-init sees is the name of Rock Ridge; that of plain ISO 9660 only has to differ.
        image.add_fp(BytesIO(content), len(content), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
    image.write(str(file))
    image.close()


def documents(node: NodeSpec, request: CloneRequest) -> dict[str, str]:
    """The seed's files. JSON is YAML, and needs no rules for quoting of its own."""
    found = {
        "meta-data": json.dumps({"instance-id": node.uuid, "local-hostname": node.hostname}) + "\n",
        "user-data": user_data(request),
    }
    if node.static is not None:
        found["network-config"] = json.dumps(network_config(node)) + "\n"
    return found


def user_data(request: CloneRequest) -> str:
    """The user's own, as it is, or cloud-config with the SSH keys; both, where there are both, as cloud-init merges."""
    config = (
        "#cloud-config\n" + json.dumps({"disable_root": False, "ssh_authorized_keys": list(request.ssh_keys)}) + "\n"
    )
    if request.user_data is None:
        return config if request.ssh_keys else "#cloud-config\n{}\n"
    return request.user_data if not request.ssh_keys else _both(config, request.user_data)


def _both(config: str, own: str) -> str:
    """The two as parts of one MIME document, whose types cloud-init tells by their first lines."""
    whole = MIMEMultipart()
    for text in (config, own):
        whole.attach(MIMEText(text, "plain", "utf-8"))
    return whole.as_string()


def network_config(node: NodeSpec) -> dict[str, Any]:
    """The first interface's static settings, in cloud-init's own format, version 2."""
    settings = node.static
    assert settings is not None, "a node without has no use for it"
    interface: dict[str, Any] = {
        "match": {"macaddress": node.nics[0].mac},
        "set-name": settings.name,
        "addresses": [settings.address],
    }
    if settings.gateway:
        anywhere = "default" if ipaddress.ip_address(settings.gateway).version == 4 else "::/0"
        interface["routes"] = [{"to": anywhere, "via": settings.gateway}]
    if settings.dns:
        interface["nameservers"] = {"addresses": list(settings.dns)}
    return {"version": 2, "ethernets": {settings.name: interface}}
