"""Signatures by the real minisign: good ones, and every way in which one can be bad."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder import digest, files
from builder.paths import Output
from builder.pipeline.publish import checksums
from builder.store import Store, Version
from tests.conftest import Golden
from tests.nodes.templates import fabricate


@dataclass(frozen=True)
class Pair:
    secret: Path
    public: Path


def make_pair(folder: Path, name: str) -> Pair:
    pair = Pair(folder / f"{name}.key", folder / f"{name}.pub")
    command = ["minisign", "-G", "-W", "-s", str(pair.secret), "-p", str(pair.public)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return pair


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path, "own")


@pytest.fixture
def place(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


def publish(place: Output, name: str = "web") -> Version:
    """A version whose SHA256SUMS is complete, as publishing leaves it."""
    version = fabricate(place, name)
    files.write(version.checksums_file, checksums(version.folder, {}), 0o444)
    return version


@pytest.fixture
def version(place: Output) -> Version:
    return publish(place)


@pytest.fixture
def signed(golden: Golden, place: Output, version: Version, pair: Pair) -> Version:
    done = golden("sign", version, "--key", pair.secret, at=place)
    assert (done.returncode, done.stdout) == (0, f"{version.signature_file}\n"), done.stderr
    return version


def spoil(path: Path, content: str) -> None:
    path.chmod(0o644)
    path.write_text(content)


def test_a_good_one(golden: Golden, place: Output, signed: Version, pair: Pair) -> None:
    for key in (pair.public, pair.public.read_text().splitlines()[-1]):
        done = golden("verify-signature", "web", "--key", key, "--json", at=place)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["comment"] == f"golden {signed}"
    # The signature is beside the version, and no version or channel itself.
    store = Store(place.templates)
    assert [str(each) for each in store.versions("web")] == [str(signed)]
    assert store.channels("web") == {"latest": signed.name}
    assert {path.name for path in signed.signature_file.parent.iterdir()} == {f"{signed.name}.minisig"}


def test_minisign_itself_takes_it(signed: Version, pair: Pair) -> None:
    command = ["minisign", "-V", "-p", pair.public, "-m", signed.checksums_file, "-x", signed.signature_file]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"golden {signed}" in done.stdout


def refused(golden: Golden, place: Output, key: Path, said: str) -> None:
    """Whether verification and the policy on clones both refuse with exit code 5; libvirt is never asked."""
    wrong_libvirt = ("--connect", "nonsense:///nowhere")
    for arguments in (
        ("verify-signature", "web", "--key", key),
        ("clone", "web", "node1", "--require-signature", key, *wrong_libvirt),
    ):
        done = golden(*arguments, at=place)
        assert (done.returncode, done.stdout) == (5, ""), done.stderr
        assert said in done.stderr


def test_none(golden: Golden, place: Output, version: Version, pair: Pair) -> None:
    refused(golden, place, pair.public, f"error: {version} is not signed\nhint: run `golden sign {version}")


def test_another_key(golden: Golden, place: Output, signed: Version, tmp_path: Path) -> None:
    refused(golden, place, make_pair(tmp_path, "other").public, f"the signature of {signed} does not match this key")


def test_a_file_that_was_changed(golden: Golden, place: Output, signed: Version, pair: Pair) -> None:
    spoil(signed.disk, "another disk")
    refused(golden, place, pair.public, f"{signed} has changed since it was published\n  disk.qcow2: changed\n")


def test_a_file_that_was_changed_with_its_checksum(golden: Golden, place: Output, signed: Version, pair: Pair) -> None:
    before = digest.of_file(signed.disk)
    spoil(signed.disk, "another disk")
    spoil(signed.checksums_file, signed.checksums_file.read_text().replace(before, digest.of_file(signed.disk)))
    refused(golden, place, pair.public, f"the signature of {signed} does not match this key and these files")


def test_files_that_came_and_went(golden: Golden, place: Output, signed: Version, pair: Pair) -> None:
    (signed.folder / "manifest.json").rename(signed.folder / "manifest.yaml")
    (signed.folder / "manifest.json").symlink_to("manifest.yaml")
    refused(golden, place, pair.public, "\n  manifest.yaml: not in SHA256SUMS\n")
    (signed.folder / "domain.xml.j2").unlink()
    refused(golden, place, pair.public, "\n  domain.xml.j2: missing\n")


def test_a_signature_of_another_version(golden: Golden, place: Output, pair: Pair) -> None:
    first, second = publish(place), publish(place)
    golden("sign", first, "--key", pair.secret, at=place)
    shutil.copy(first.signature_file, second.signature_file)
    refused(golden, place, pair.public, "does not match this key and these files")
    # The whole version, moved with its signature, has the right sums and the wrong name.
    shutil.rmtree(second.folder)
    shutil.copytree(first.folder, second.folder)
    refused(
        golden,
        place,
        pair.public,
        f"the signature of {second} belongs to another version\n  its trusted comment is: golden {first}",
    )


def test_a_damaged_signature(golden: Golden, place: Output, signed: Version, pair: Pair) -> None:
    text = signed.signature_file.read_text()
    spoil(signed.signature_file, text.replace(f"golden {signed}", f"golden {signed.template}:20261123.9-00000000"))
    refused(golden, place, pair.public, f"the signature of {signed} does not match this key")
    spoil(signed.signature_file, "none at all")
    refused(golden, place, pair.public, f"the signature of {signed} does not match this key")


def test_the_policy_from_the_environment_lets_the_good_one_pass(
    golden: Golden, place: Output, signed: Version, pair: Pair
) -> None:
    policy = {"GOLDEN_REQUIRE_SIGNATURE": str(pair.public)}
    done = golden("clone", "web", "node1", "--connect", "nonsense:///nowhere", at=place, env=policy)
    assert done.returncode == 3, done.stderr  # it is libvirt that cannot be reached
    assert "signature" not in done.stderr
    signed.signature_file.unlink()
    done = golden("clone", "web", "node1", "--connect", "nonsense:///nowhere", at=place, env=policy)
    assert done.returncode == 5
    assert f"{signed} is not signed" in done.stderr


def test_keys_that_are_none(golden: Golden, place: Output, signed: Version, pair: Pair, tmp_path: Path) -> None:
    for key, said in (
        (tmp_path / "none.pub", "cannot read the public key"),
        (pair.secret, "not a minisign public key"),
        (tmp_path, "cannot read the public key"),
    ):
        done = golden("verify-signature", "web", "--key", key, at=place)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    for key, said in ((tmp_path / "none.key", "no such secret key file"), (pair.public, "cannot sign with")):
        done = golden("sign", "web", "--key", key, at=place)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    assert {path.name for path in signed.signature_file.parent.iterdir()} == {f"{signed.name}.minisig"}


@pytest.mark.slow  # minisign takes its time over a password
def test_a_key_with_a_password_is_asked_of_nobody(
    golden: Golden, place: Output, version: Version, tmp_path: Path
) -> None:
    key = tmp_path / "locked.key"
    command = ["minisign", "-G", "-s", str(key), "-p", str(tmp_path / "locked.pub")]
    subprocess.run(command, input=b"word\nword\n", check=True, capture_output=True)
    done = golden("sign", version, "--key", key, at=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert "without a password" in done.stderr
    assert not version.signature_file.exists()


def test_a_version_that_is_not_whole_is_not_signed(golden: Golden, place: Output, version: Version, pair: Pair) -> None:
    spoil(version.disk, "another disk")
    done = golden("sign", version, "--key", pair.secret, at=place)
    assert (done.returncode, done.stdout) == (5, "")
    assert not version.signature_file.exists()
