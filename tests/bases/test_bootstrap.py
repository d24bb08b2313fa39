"""The identity of a bootstrap with dnf, and the messages of its failures; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.bases import BaseRequest, BootstrapBase, Firmware
from builder.bases.bootstrap import DnfBootstrap
from builder.bases.bootstrap.dnf import explain
from builder.errors import RequestError

REPO = {"id": "base", "baseurl": "http://mirror/$releasever/$basearch", "gpgkey": "key"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("a key")
    return tmp_path


def identity(folder: Path, firmware: Firmware = "bios", **changes: Any) -> dict[str, object]:
    given = {"distribution": "almalinux", "release": "9", "repos": [REPO], **changes}
    return BootstrapBase.model_validate({"bootstrap": given}).key_facts(BaseRequest(folder, folder, firmware=firmware))


def test_identity(folder: Path) -> None:
    known = identity(folder)
    others = [
        identity(folder, release="8"),
        identity(folder, distribution="rocky"),
        identity(folder, packages=["lftp"]),
        identity(folder, firmware="uefi"),
        identity(folder, repos=[{**REPO, "baseurl": "http://other/"}]),
        identity(folder, repos=[REPO, {**REPO, "id": "other"}]),
    ]
    (folder / "key").write_text("another key")
    others.append(identity(folder))
    assert all(other != known for other in others)
    (folder / "key").unlink()
    with pytest.raises(RequestError, match="cannot read the gpgkey of the repository base"):
        identity(folder)


def test_packages_of_a_bootable_system(folder: Path) -> None:
    assert identity(folder)["packages"] == ["@core", "dracut-config-generic", "e2fsprogs", "grub2-pc", "kernel"]
    assert "'kernel'" not in str(identity(folder, packages=["kernel-core"])["packages"])
    assert "'kernel'" in str(identity(folder, packages=["kernel-headers"])["packages"])
    assert {"shim-x64", "grub2-efi-x64"} <= {*identity(folder, firmware="uefi")["packages"]}  # type: ignore[misc]


def test_centos7_boots_only_with_bios(folder: Path) -> None:
    identity(folder, distribution="centos", release="7")
    with pytest.raises(RequestError, match="centos 7 can be bootstrapped only for BIOS"):
        identity(folder, firmware="uefi", distribution="centos", release="7")


def test_a_folder_as_repository(folder: Path) -> None:
    repo = {**REPO, "baseurl": "a $releasever é"}
    bootstrap = DnfBootstrap.model_validate({"distribution": "centos", "release": "9-stream", "repos": [repo]})
    section = bootstrap.repos[0].section(folder, folder / "keys 1/base")
    assert f"\nbaseurl=file://{folder}/a%20$releasever%20%C3%A9\n" in section
    assert section.startswith("[base]\n")
    assert f"\ngpgcheck=1\ngpgkey=file://{folder}/keys%201/base\n" in section


@pytest.mark.parametrize("release", ["9; x", "-9", "9-", "x", "9\n", "latest"])
def test_invalid_release(folder: Path, release: str) -> None:
    with pytest.raises(ValidationError, match="release"):
        identity(folder, release=release)


@pytest.mark.parametrize(
    ("output", "reason", "hint"),
    [
        (
            "No match for argument: lftpp\nError: Unable to find a match: lftpp\n",
            "Unable to find a match: lftpp",
            "check the names, or add the repository that has lftpp",
        ),
        (
            "Module or Group 'core' is not available.\nError: Nothing to do.\n",
            "Nothing to do.",
            "check the name, or add the repository that has the group core",
        ),
        (
            "Public key for x.rpm is not installed. Failing package is: x\nError: GPG check FAILED\n",
            "GPG check FAILED",
            "set `gpgkey:` to the key that signed the packages; golden never installs unsigned packages",
        ),
        (
            "Error: Transaction test error:\n  installing package x needs 2MB more space on the / filesystem\n",
            "Transaction test error: installing package x needs 2MB more space on the / filesystem",
            "free space",
        ),
        ("Error: something else\n", "something else", None),
        ("dracut failed\n", None, None),
    ],
)
def test_the_reason_in_dnf_s_output(output: str, reason: str | None, hint: str | None) -> None:
    assert explain(output, "free space") == (reason, hint)
