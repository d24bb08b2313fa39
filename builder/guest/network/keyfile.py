"""NetworkManager's connection profiles in keyfile format (nm-settings-keyfile), as in EL 9."""

from __future__ import annotations

import uuid

from builder.guest.network.backend import InterfaceSettings, NetworkBackend

FOLDER = "/etc/NetworkManager/system-connections"
NAMESPACE = uuid.UUID("7c1b9c54-5d3e-4b0e-9c1f-3a9f0c6e2d11")
"""Golden's namespace: a profile gets the same UUID in every build. The UUID identifies the profile, not a machine."""


class Keyfile(NetworkBackend):
    unit = "NetworkManager.service"
    # NetworkManager ignores a profile that others can read.
    mode = 0o600

    @staticmethod
    def path(name: str) -> str:
        return f"{FOLDER}/{name}.nmconnection"

    def text(self, settings: InterfaceSettings) -> str:
        own, other = f"ipv{settings.version}", f"ipv{10 - settings.version}"
        sections = {
            "connection": {
                "id": settings.name,
                "uuid": str(uuid.uuid5(NAMESPACE, settings.name)),
                "type": "ethernet",
                "interface-name": settings.name,
            },
            own: {"method": "auto"},
            other: {"method": "auto"},
        }
        if settings.address:
            sections[own] = {
                "method": "manual",
                "address1": ",".join(filter(None, [settings.address, settings.gateway])),
            }
            for version in ("ipv4", "ipv6"):
                servers = [server for server in settings.dns if (":" in server) == (version == "ipv6")]
                sections[version] |= {"dns": "".join(f"{server};" for server in servers)} if servers else {}
            if other == "ipv4":
                sections[other]["method"] = "disabled"
        if not settings.ipv6:
            sections["ipv6"] = {"method": "disabled"}
        return "\n".join(
            f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in section.items())
            for name, section in sections.items()
        )

    def prepare(self, settings: InterfaceSettings) -> None:
        for path in self.guest.glob(f"{FOLDER}/*"):
            lines = self.guest.read(path).splitlines() if self.guest.is_file(path) else []
            if path != self.path(settings.name) and f"interface-name={settings.name}" in lines:
                self.guest.remove(path)
        super().prepare(settings)
