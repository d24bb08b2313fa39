"""systemd-networkd."""

from __future__ import annotations

from builder.guest.network.backend import InterfaceSettings, NetworkBackend


class Networkd(NetworkBackend):
    unit = "systemd-networkd.service"
    writes_resolv_conf = False

    @staticmethod
    def path(name: str) -> str:
        return f"/etc/systemd/network/10-golden-{name}.network"

    def text(self, settings: InterfaceSettings) -> str:
        lines = ["[Match]", f"Name={settings.name}", "", "[Network]"]
        if settings.address is None:
            lines.append(f"DHCP={'yes' if settings.ipv6 else 'ipv4'}")
        else:
            lines.append(f"Address={settings.address}")
            lines += [f"Gateway={settings.gateway}"] if settings.gateway else []
            lines += [f"DNS={server}" for server in settings.dns]
        if not settings.ipv6:
            lines += ["LinkLocalAddressing=no", "IPv6AcceptRA=no"]
        return "\n".join(lines) + "\n"
