"""The domain template of a version, `domain.xml.j2`, which is rendered for each node."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from builder.guest.info import GuestInfo
from builder.recipe import Recipe

OSINFO = {
    "debian": "http://debian.org/debian/{major}",
    "ubuntu": "http://ubuntu.com/ubuntu/{major}.{minor:02}",
    "centos": "http://centos.org/centos/{major}",
    "almalinux": "http://almalinux.org/almalinux/{major}",
    "rocky": "http://rockylinux.org/rocky/{major}",
    "rhel": "http://redhat.com/rhel/{major}.{minor}",
    "fedora": "http://fedoraproject.org/fedora/{major}",
}
"""libosinfo's identifiers, by libguestfs's names of distributions."""

UNKNOWN_OS = "http://libosinfo.org/linux/2022"


def render_domain_template(recipe: Recipe, guest: GuestInfo, version: str, digest: str) -> str:
    """The text of `domain.xml.j2`. It needs at least the variables name, disks and domain_type (kvm or qemu)."""
    # Square brackets, so that the clone's own {{ variables }} pass through.
    environment = Environment(
        loader=PackageLoader("builder.domains", "."),
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("domain.xml.j2").render(
        template=recipe.name,
        version=version,
        digest=digest,
        osinfo=OSINFO.get(guest.distribution, UNKNOWN_OS).format(major=guest.major, minor=guest.minor),
        memory=recipe.domain.memory,
        vcpus=recipe.domain.vcpus,
        network=recipe.domain.network,
        arch=guest.arch,
        firmware=recipe.firmware,
    )
