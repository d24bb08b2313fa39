"""Bootstrapping the Red Hat family with `dnf --installroot`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from builder import process
from builder.appliance.appliance import Disk
from builder.bases.base import BaseRequest, BuildContext, Firmware, Route
from builder.bases.bootstrap.layout import DiskLayout
from builder.bases.bootstrap.method import BootstrapMethod
from builder.bases.bootstrap.repository import Repository
from builder.errors import CommandError, GuestError, HostError, RequestError
from builder.events import OutputLine
from builder.guest import bootloader, selinux
from builder.guest.guest import Guest
from builder.guest.info import DISK, Family, GuestInfo
from builder.inputs import Matching
from builder.sizes import space_hint, write_hint

VERSION = 1
"""Part of the base's key: raise it when the content of the disk changes."""

SYSTEM = ("@core", "dracut-config-generic", "e2fsprogs")
"""The installer's minimal system, with an initramfs for any machine."""

KERNEL = re.compile(r"kernel(-(rt|lt|ml|64k|debug))?(-core)?")
"""Matches the names of kernel packages: `kernel` is installed unless the recipe lists one of them."""

LOADER: dict[Firmware, tuple[str, ...]] = {
    "bios": ("grub2-pc",),
    # The signed boot loaders; the firmware finds them at their default path.
    "uefi": ("grub2-efi-x64", "shim-x64", "efibootmgr"),
}

BLS_SINCE = 8
"""The first EL release with boot loader entries in files (BLS); every Fedora has them."""

SETTINGS = """\
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR="$(sed 's, release .*$,,g' /etc/system-release)"
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_TERMINAL_OUTPUT="console"
GRUB_CMDLINE_LINUX=""
GRUB_DISABLE_RECOVERY="true"
"""
"""The content of /etc/default/grub, as Anaconda writes it; no package has this file."""

BLS = "GRUB_ENABLE_BLSCFG=true\n"

# The boot entries were written on the host, for a root in a folder that had no UUID yet.
NAME_ROOT = """\
root=$(awk '$2 == "/" {{print $1}}' /etc/fstab) || exit
for file in /etc/kernel/cmdline /boot/loader/entries/*.conf; do
    [ -f "$file" ] || continue
    sed -i -E "s,root=[^ ]*,root=$root,; s,^(linux|initrd)[[:space:]]+[^ ]*/,\\1 /boot/," "$file" || exit
done
[ -f /boot/grub2/grubenv ] || grub2-editenv /boot/grub2/grubenv create || exit
"""

INSTALL: dict[Firmware, str] = {
    "bios": "grub2-install --target=i386-pc {device} || exit\n",
    # As Anaconda does: the loader reads the grub.cfg beside it, which refers to the only real configuration.
    "uefi": """\
for loader in /boot/efi/EFI/*/grubx64.efi; do
    printf '%s\\n' "search --no-floppy --fs-uuid --set=dev ${{root#UUID=}}" 'set prefix=($dev)/boot/grub2' \
        'export $prefix' 'configfile $prefix/grub.cfg' >"${{loader%/*}}/grub.cfg" || exit
done
""",
}

CONFIGURE = "grub2-mkconfig -o /boot/grub2/grub.cfg\n"

MAIN = """\
[main]
assumeyes=True
best=True
color=never
countme=False
destdir={packages}
gpgcheck=True
install_weak_deps=False
keepcache=True
logdir={own}/log
cachedir={own}/cache
module_platform_id={platform}
plugins=False
reposdir={nowhere}
retries=3
skip_if_unavailable=False
strict=True
timeout=30
varsdir={nowhere}
"""
"""dnf's configuration, which uses nothing of this host. dnf puts logdir and cachedir below the new root."""

OWN = "/var/tmp/golden"
"""golden's folder in the new root; removed at the end."""

MACROS = f"""\
%_dbpath {OWN}/rpm
%_netsharedpath /dev:/proc:/sys
"""
"""Settings for this host's rpm: it uses a database of its own, and leaves mounted file systems alone."""

# Arguments: the folder that `_prepare` filled, the tar file to write, and dnf's command. The guest's rpm
# writes its own database from the package headers, because it may be unable to read the host's (EL 8 has
# no SQLite), and may keep it elsewhere.
SCRIPT = f"""\
set -eu
umask 022
cd "$1"
tree=$2
shift 2
chmod -R u=rwX,go=rX root
mount_all() {{
    mount -t proc proc root/proc
    mount --rbind /sys root/sys
    mount -t tmpfs -o mode=755 dev root/dev
    mkdir root/dev/pts root/dev/shm
    for each in null zero full random urandom tty; do
        : >root/dev/$each
        mount --bind /dev/$each root/dev/$each
    done
    ln -s /proc/self/fd root/dev/fd
    for each in 0.stdin 1.stdout 2.stderr; do ln -s "fd/${{each%.*}}" "root/dev/${{each#*.}}"; done
}}
clean_up() {{
    status=$?
    for each in proc sys dev; do umount -l root/$each 2>/dev/null || :; done
    rm -rf root{OWN}
    [ $status = 0 ] || rm -rf --one-file-system root
}}
trap clean_up EXIT
mkdir -p root/proc root/sys root/dev
mount_all
"$@"
in_root() {{ env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot root "$@"; }}
cp keys/* root{OWN}/
for each in keys/*; do in_root rpm --import "{OWN}/${{each#keys/}}"; done
echo "recording the packages in the rpm database of the new system"
# Packages from folders are in destdir, packages from servers in dnf's cache.
find root{OWN} -name '*.rpm' | sed 's,^root,,' >root{OWN}/list
in_root sh -c 'exec rpm --install --justdb --nodeps --noscripts --notriggers --ignoresize --replacefiles \
$(cat {OWN}/list)'
clean_up
trap - EXIT
tar -C root --numeric-owner --xattrs --xattrs-include='*' --sparse -cf "$tree" .
rm -rf --one-file-system root
"""

REASONS = (
    (r"Unable to find a match: (.*)", "check the names, or add the repository that has {0}"),
    (r"Module or Group '(.*)' is not available", "check the name, or add the repository that has the group {0}"),
    (
        r"(?:Failed to download metadata for repo|Cannot download repomd.xml).*",
        "check that its `baseurl:` is the folder that contains repodata, and that its server answers",
    ),
    (
        r"(?:GPG check FAILED|GPG Keys are configured|The GPG keys listed for|is not signed|No public key)",
        "set `gpgkey:` to the key that signed the packages; golden never installs unsigned packages",
    ),
    (r"(?:No space left|more space (?:needed )?on|not enough space)", "{space}"),
)
"""Patterns for dnf's error messages, each with its hint."""


class DnfBootstrap(BootstrapMethod):
    """Bootstrap a distribution of the Red Hat family with dnf."""

    distribution: Literal["almalinux", "centos", "fedora", "rocky"] = Field(description="The distribution.")
    release: Annotated[
        str, Matching(r"^[0-9]{1,3}(\.[0-9]{1,2})?(-stream)?$", "must be a release number, such as 9, 9.4 or 9-stream")
    ] = Field(description="The release; dnf's `$releasever`.", examples=["9"])
    arch: Literal["x86_64"] = Field(default="x86_64", description="The architecture.")
    repos: Annotated[list[Repository], Field(min_length=1)] = Field(
        description="The only repositories that packages come from. golden refuses packages that are not signed with "
        "the repository's key."
    )

    @field_validator("repos")
    @classmethod
    def _own_ids(cls, repos: list[Repository]) -> list[Repository]:
        ids = [repo.id for repo in repos]
        if invalid := sorted({each for each in ids if ids.count(each) > 1 or each == "main"}):
            raise ValueError(f"ids must be unique, and must not be main: {', '.join(invalid)}")
        return repos

    @property
    def family(self) -> Family:
        return "redhat"

    @property
    def major(self) -> int:
        return int(re.split(r"[.-]", self.release)[0])

    @property
    def _has_entries(self) -> bool:
        return self.distribution == "fedora" or self.major >= BLS_SINCE

    def find_bad_files(self, folder: Path) -> Iterator[tuple[Route, str]]:
        for index, repo in enumerate(self.repos):
            for route, message in repo.find_bad_files(folder):
                yield ("repos", index, *route), message

    def all_packages(self, firmware: Firmware) -> list[str]:
        kernel = () if any(KERNEL.fullmatch(name) for name in self.packages) else ("kernel",)
        return list(dict.fromkeys([*SYSTEM, *kernel, *LOADER[firmware], *self.packages]))

    def identity(self, request: BaseRequest) -> dict[str, object]:
        if request.firmware == "uefi" and not self._has_entries:
            # Its grub2-mkconfig writes for the firmware that it runs on, and the appliance has no UEFI.
            raise RequestError(
                f"{self.distribution} {self.release} can be bootstrapped only for BIOS, not for UEFI",
                hint="remove `firmware:` from the recipe, or use a kickstart base",
            )
        return {"version": VERSION, "repos": [repo.identity(request.folder) for repo in self.repos]}

    def indexes(self, request: BaseRequest) -> list[str]:
        return [repo.index(request.folder, self.release, self.arch) for repo in self.repos]

    def layout(self, firmware: Firmware) -> DiskLayout:
        boot = NAME_ROOT + INSTALL[firmware] + CONFIGURE
        # The fsck and resize2fs of EL 7 refuse file systems with newer features.
        features = None if self._has_entries else "^metadata_csum,^64bit"
        return DiskLayout("ext4", "defaults 1 1", boot, firmware, features)

    # --- on the host -------------------------------------------------------------------------

    def make_tree(self, context: BuildContext, tree: Path) -> None:
        dnf = process.find_tool("dnf", package="dnf")
        scratch = context.work / "bootstrap"
        try:
            scratch.mkdir()
            scratch.chmod(0o755)
            self._prepare(scratch, context)
            command = [
                *(dnf, f"--config={scratch}/dnf.conf", f"--installroot={scratch}/root"),
                *(f"--releasever={self.release}", f"--forcearch={self.arch}", "install"),
                *self.all_packages(context.request.firmware),
            ]
            process.run(
                process.isolated(["sh", f"{scratch}/bootstrap.sh", str(scratch), str(tree), *command], as_root=True),
                on_line=lambda line: context.emit(OutputLine(line)),
                env={"HOME": str(scratch / "home"), "TMPDIR": str(scratch / "home"), "LC_ALL": "C.UTF-8"},
            )
        except CommandError as error:
            reason, hint = explain(error.output, space_hint(context.work))
            error.message = f"bootstrapping {self.distribution} {self.release} failed: {reason or error.message}"
            error.hint = hint or "read the reason in the last lines above"
            raise
        except OSError as error:
            raise HostError(
                f"cannot prepare the bootstrap in {scratch}", details=str(error), hint=write_hint(context.work)
            ) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _prepare(self, scratch: Path, context: BuildContext) -> None:
        """Fill the scratch folder for dnf. Raises OSError, RequestError or HostError."""
        for name in ("home", "keys", "nowhere", "root/etc/default", "root/etc/kernel", f"root{OWN}/packages"):
            (scratch / name).mkdir(parents=True)
        (scratch / "home/.rpmmacros").write_text(MACROS)
        (scratch / "bootstrap.sh").write_text(SCRIPT)
        (scratch / "root/etc/default/grub").write_text(SETTINGS + (BLS if self._has_entries else ""))
        if self._has_entries:
            # Without this file, the kernel package would copy the kernel arguments of this host.
            (scratch / "root/etc/kernel/cmdline").write_text("root=UUID=none ro\n")
        main = MAIN.format(
            own=OWN,
            packages=f"{scratch}/root{OWN}/packages",
            platform=f"platform:{'f' if self.distribution == 'fedora' else 'el'}{self.major}",
            nowhere=scratch / "nowhere",
        )
        sections = []
        for repo in self.repos:
            key = scratch / "keys" / repo.id
            key.write_bytes(repo.key(context))
            sections.append(repo.section(context.request.folder, key))
        (scratch / "dnf.conf").write_text("\n".join([main, *sections]))

    # --- in the appliance --------------------------------------------------------------------

    def finish(self, context: BuildContext, disk: Path) -> None:
        """Set the SELinux labels of all files, and check that there is a kernel to boot."""
        appliance = context.appliance()
        mounts = {point: f"{DISK}{number}" for point, number in self.layout(context.request.firmware).mounts().items()}
        manager = "dnf" if self._has_entries else "yum"
        info = GuestInfo(self.distribution, self.major, 0, self.arch, manager, self.distribution, mounts)
        device = appliance.plug(Disk(disk))
        guest = Guest(appliance, device, info, context.emit)
        guest.mount()
        if not bootloader.of(guest).kernel_lines():
            raise GuestError(
                "the new system has no kernel that its boot loader can start",
                hint="add a package with a kernel and its install scripts to `packages:`, such as kernel-core",
            )
        if selinux.find_mode(guest) not in (None, "disabled"):
            selinux.relabel(guest)
        guest.trim()
        guest.unmount()
        appliance.unplug(device)


def explain(output: str, space: str) -> tuple[str | None, str | None]:
    """The reason for dnf's failure, and a hint, from its output; None if unknown.

    `space` is the hint for a full disk.
    """
    found = re.findall(r"^Error: *(.*(?:(?<=:)\n.+)?)$", output, re.MULTILINE)
    reason = re.sub(r"\s+", " ", found[-1]).strip() if found else None
    for pattern, hint in REASONS:
        if match := re.search(pattern, output):
            return reason or match[0], hint.format(*match.groups(), space=space)
    return reason, None
