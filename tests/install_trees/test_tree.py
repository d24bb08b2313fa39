"""A tree is the same wherever it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.errors import RequestError
from builder.events import Event, OutputLine, silent
from builder.install_trees.check import check_tree
from builder.install_trees.tree import open_tree
from tests.install_trees import samples
from tests.install_trees.places import make_iso, make_iso_by_xorriso, served, served_by_ftp, served_by_https
from tests.install_trees.samples import INITRD, KERNEL, sha256

VMLINUZ = "images/pxeboot/vmlinuz"

slow = pytest.mark.slow


@contextlib.contextmanager
def placed(kind: str, folder: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What to open for a folder's tree that was brought to a place of some kind."""
    with contextlib.ExitStack() as stack:
        match kind:
            case "folder":
                yield str(folder)
            case "file URL":
                yield folder.as_uri()
            case "http":
                yield stack.enter_context(served(folder))
            case "https":
                url = stack.enter_context(served_by_https(folder, scratch / "tls"))
                monkeypatch.setenv("SSL_CERT_FILE", str(scratch / "tls/certificate.pem"))
                yield url
            case "ftp":
                yield stack.enter_context(served_by_ftp(folder))
            case "iso":
                yield str(make_iso(folder, scratch / "tree.iso"))
            case "iso by xorriso":
                yield str(make_iso_by_xorriso(folder, scratch / "tree.iso"))
            case "iso over http":
                yield stack.enter_context(served(make_iso(folder, scratch / "tree.iso")))


PLACES = [
    "folder",
    "file URL",
    "http",
    "https",
    "iso",
    "iso over http",
    pytest.param("ftp", marks=slow),
    pytest.param("iso by xorriso", marks=slow),
]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, el9: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """AlmaLinux 9's tree, wherever it is."""
    with placed(request.param, el9, tmp_path, monkeypatch) as source:
        yield source


def test_its_files(place: str, tmp_path: Path) -> None:
    with open_tree(place) as tree:
        assert tree.exists(VMLINUZ)
        assert not tree.exists("images/pxeboot/none")
        assert tree.read(".discinfo", 100) == b"1714673454\n9.4\nx86_64\n"
        assert tree.sha256(VMLINUZ) == sha256(KERNEL)
        tree.fetch(VMLINUZ, tmp_path / "kernel", silent)
        tree.fetch("BaseOS/repodata/comps.xml", tmp_path / "comps", silent)
    assert (tmp_path / "kernel").read_bytes() == KERNEL
    assert (tmp_path / "comps").read_bytes() == b"<comps/>"


def test_what_it_is(place: str, el9: Path) -> None:
    with open_tree(place) as tree, open_tree(el9) as folder:
        assert tree.info == folder.info
        assert tree.boot_files("x86_64") == (VMLINUZ, "images/pxeboot/initrd.img")
        assert tree.identity() | {"volume": None} == folder.identity() | {"volume": None}
        findings = list(check_tree(tree, "x86_64", silent))
    assert [finding.message for finding in findings if not finding.ok] == []
    assert len(findings) == 10


def test_what_is_missing(place: str, tmp_path: Path) -> None:
    with open_tree(place) as tree:
        with pytest.raises(RequestError, match="the tree has no images/none: "):
            tree.read("images/none")
        with pytest.raises(RequestError, match="the tree has no images/none: "):
            tree.fetch("images/none", tmp_path / "none", silent)
        with pytest.raises(RequestError, match=r"\.discinfo in the tree is too large: more than 3 bytes"):
            tree.read(".discinfo", 3)
    assert not list(tmp_path.glob("*none*"))


def test_an_interrupted_transfer_goes_on(place: str, tmp_path: Path) -> None:
    part = tmp_path / ".kernel.part"
    part.write_bytes(KERNEL[:100_000])
    with open_tree(place) as tree:
        with tree.stream(VMLINUZ, 100_000) as stream:
            assert (stream.offset, stream.total) in [(100_000, 300_000), (0, 300_000)]
            assert b"".join(stream.chunks) == KERNEL[stream.offset :]
        tree.fetch(VMLINUZ, tmp_path / "kernel", silent)
    assert (tmp_path / "kernel").read_bytes() == KERNEL
    assert not part.exists()


@pytest.mark.parametrize("size", [100_000, 400_000])
def test_a_wrong_beginning_is_never_used(place: str, size: int, tmp_path: Path) -> None:
    target = tmp_path / "kernel"
    with open_tree(place) as tree:
        (tmp_path / ".kernel.part").write_bytes(b"x" * size)
        with contextlib.suppress(RequestError):
            tree.fetch(VMLINUZ, target, silent)
            assert target.read_bytes() == KERNEL, "the server began anew"
        assert not (tmp_path / ".kernel.part").exists()
        tree.fetch(VMLINUZ, target, silent)
    assert target.read_bytes() == KERNEL


@pytest.mark.parametrize("kind", PLACES)
def test_debian(kind: str, debian: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with placed(kind, debian, tmp_path, monkeypatch) as source, open_tree(source) as tree:
        assert (tree.info.family, tree.info.version, tree.info.arch) == ("Debian", "12.5", "x86_64")
        for arch, name in {"x86_64": "amd64", "aarch64": "arm64"}.items():
            netboot = f"dists/stable/main/installer-{name}/current/images/netboot/debian-installer/{name}"
            assert tree.boot_files(arch) == (f"{netboot}/linux", f"{netboot}/initrd.gz")
            assert tree.checksum(f"{netboot}/linux") == sha256(KERNEL + name.encode())
            findings = list(check_tree(tree, arch, silent))
            assert [finding.message for finding in findings if not finding.ok] == []
            assert len(findings) == 5
        assert tree.identity()["kernel"] == sha256(KERNEL + b"amd64")
        assert tree.identity("aarch64")["kernel"] == sha256(KERNEL + b"arm64")


def test_a_release_of_debian(debian: Path, tmp_path: Path) -> None:
    samples.debian(tmp_path / "older", "bullseye")
    (tmp_path / "older/dists/bullseye").rename(debian / "dists/bullseye")
    for release in ("bullseye", "bookworm"):
        with served(debian) as url, open_tree(f"{url}/dists/{release}/") as tree:
            assert str(tree) == url
            assert tree.boot_files("x86_64")[0].startswith(f"dists/{release}/main/")
            assert list(tree.identity()["files"]) == [f"dists/{release}/InRelease"]


def test_a_folder_that_is_only_called_a_release(tmp_path: Path) -> None:
    folder = samples.el7(tmp_path / "dists/centos7")
    with open_tree(f"{folder}/") as tree:
        assert tree.info.family == "CentOS"
    with served(tmp_path) as url, open_tree(f"{url}/dists/centos7") as tree:
        assert tree.info.family == "CentOS"


def test_a_medium_of_debian(tmp_path: Path) -> None:
    """Its installer is elsewhere; nothing but the files themselves tells which it is."""
    folder = tmp_path / "medium"
    release = b"Origin: Debian\nCodename: trixie\n"
    boot = {"install.amd/vmlinuz": KERNEL, "install.amd/initrd.gz": INITRD}
    samples.put(folder, {"dists/trixie/Release": release, **boot})
    (folder / "debian").symlink_to(".")
    (folder / "dists/stable").symlink_to("trixie")
    with open_tree(make_iso(folder, tmp_path / "debian.iso")) as tree:
        assert tree.info.version == "trixie"
        assert tree.boot_files("x86_64") == ("install.amd/vmlinuz", "install.amd/initrd.gz")
        assert tree.read("debian/debian/dists/stable/Release") == release
        identity = tree.identity()
    assert (identity["kernel"], identity["initrd"]) == (sha256(KERNEL), sha256(INITRD))
    assert identity["files"] == {"dists/stable/Release": sha256(release)}
    assert len(identity["volume"]) == 64


def test_an_identity(el9: Path, el7: Path) -> None:
    """It is of everything that decides what is installed, and of nothing else."""
    with open_tree(el9) as tree:
        before = tree.identity()
    assert before == {
        "kernel": sha256(KERNEL),
        "initrd": sha256(INITRD),
        "files": {
            path: sha256((el9 / path).read_bytes())
            for path in (
                ".treeinfo",
                "AppStream/repodata/repomd.xml",
                "BaseOS/repodata/repomd.xml",
                ".discinfo",
            )
        },
    }
    samples.put(el9, {"AppStream/Packages/other.rpm": b"not in the metadata yet"})
    with open_tree(el9) as tree:
        assert tree.identity() == before
    samples.put(el9 / "AppStream", samples.repository("more packages"))
    with open_tree(el9) as tree:
        assert tree.identity() != before
    with open_tree(el7) as tree:
        before = tree.identity()
        assert before["kernel"] == sha256(KERNEL), "without checksums the file itself is read"
    samples.put(el7, {VMLINUZ: b"another kernel"})
    with open_tree(el7) as tree:
        assert tree.identity()["kernel"] == sha256(b"another kernel") != before["kernel"]


def test_an_identity_of_an_image(el7: Path, tmp_path: Path) -> None:
    """Not its name, and not its file's date."""
    image = make_iso(el7, tmp_path / "one.iso")
    copy = tmp_path / "copy.iso"
    copy.write_bytes(image.read_bytes())
    with open_tree(image) as one, open_tree(copy) as other:
        assert one.identity() == other.identity()
    (el7 / "Packages/lftp-4.4.8-12.el7_8.1.x86_64.rpm").write_bytes(b"a package, rebuilt" * 1000)
    with open_tree(image) as one, open_tree(make_iso(el7, tmp_path / "other.iso")) as other:
        assert one.identity()["files"] == other.identity()["files"]
        assert one.identity()["volume"] != other.identity()["volume"]


@pytest.mark.parametrize(("rock_ridge", "joliet"), [(True, False), (True, True), (False, True), (False, False)])
def test_the_names_of_an_image(rock_ridge: bool, joliet: bool, tmp_path: Path) -> None:
    """By whichever of them it has; those of plain ISO 9660 are of capitals only, and stand for small letters."""
    name = ".treeinfo" if rock_ridge or joliet else "treeinfo"
    samples.put(tmp_path / "tree", {name: b"[general]\narch = x86_64\n", "images/vmlinuz": KERNEL, "images/empty": b""})
    image = make_iso(tmp_path / "tree", tmp_path / "one.iso", rock_ridge=rock_ridge, joliet=joliet)
    with open_tree(image) as tree:
        assert tree.treeinfo_path == name
        assert tree.read("images/vmlinuz") == KERNEL
        assert tree.read("images/empty") == b""
        assert not tree.exists("images")
        assert not tree.exists("images/vmlinuz/more")


def test_a_medium_of_debian_without_links(tmp_path: Path) -> None:
    """It names its release."""
    info = b'Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 NETINST with firmware 20240210-11:27\n'
    samples.put(tmp_path, {".disk/info": info, "dists/bookworm/Release": b"Origin: Debian\nVersion: 12.5\n"})
    with open_tree(tmp_path) as tree:
        assert tree.info.version == "12.5"


def test_variants_beside_the_tree(el9: Path) -> None:
    (el9 / ".treeinfo").rename(el9 / "BaseOS/treeinfo")
    text = (el9 / "BaseOS/treeinfo").read_text()
    text = text.replace("repository = AppStream", "repository = ../AppStream/").replace(
        "repository = BaseOS", "repository = ."
    )
    (el9 / "BaseOS/treeinfo").write_text(text)
    (el9 / "images").rename(el9 / "BaseOS/images")
    with served(el9) as url, open_tree(f"{url}/BaseOS/") as tree, open_tree(el9 / "BaseOS") as folder:
        assert [each.message for each in check_tree(tree, None, silent) if not each.ok] == []
        assert tree.identity() == folder.identity()
        assert "../AppStream/repodata/repomd.xml" in tree.identity()["files"]


def test_what_an_interruption_leaves(el7: Path, tmp_path: Path) -> None:
    """Nothing, where no checksum could tell what it is a part of."""

    class Interrupted(BaseException):
        pass

    def interrupt(_: Event) -> None:
        raise Interrupted

    (el7 / "large").write_bytes(b"x" * (40 << 20))
    with open_tree(el7) as tree, pytest.raises(Interrupted):
        tree.fetch("large", tmp_path / "large", interrupt)
    assert not list(tmp_path.glob("*large*"))


def test_a_damaged_file_is_not_kept(el9: Path, tmp_path: Path) -> None:
    (el9 / VMLINUZ).write_bytes(b"damaged")
    with open_tree(el9) as tree, pytest.raises(RequestError) as caught:
        tree.fetch(VMLINUZ, tmp_path / "kernel", silent)
    assert str(caught.value) == (
        f"{VMLINUZ} does not match the tree's checksum: {el9}\n"
        f"  expected sha256:    {sha256(KERNEL)}\n  sha256 of the file: {sha256(b'damaged')}\n"
        "hint: copy the tree again from its source"
    )
    assert not list(tmp_path.glob("*kernel*"))


def test_the_wrong_architecture(tmp_path: Path) -> None:
    folder = samples.el9(tmp_path / "arm", "aarch64")
    with open_tree(folder) as tree, pytest.raises(RequestError) as caught:
        tree.boot_files("x86_64")
    assert str(caught.value) == (
        f"the tree is for aarch64, not for x86_64: {folder}\nhint: name a tree for x86_64 instead"
    )


def test_an_architecture_without_an_installer(debian: Path) -> None:
    (debian / "dists/bookworm/main/installer-arm64/current/images/netboot/debian-installer/arm64/linux").unlink()
    with open_tree(debian) as tree:
        with pytest.raises(RequestError, match="the tree has no installer for aarch64") as caught:
            tree.boot_files("aarch64")
        assert "/netboot/debian-installer/arm64/{linux,initrd.gz}\nnor install.a64/{vmlinuz,initrd.gz} exists" in str(
            caught.value.details
        )
        with pytest.raises(RequestError, match="the tree has no installer for sparc"):
            tree.boot_files("sparc")


def test_a_repository_is_no_tree(tmp_path: Path) -> None:
    """Neither the AppStream of a distribution, which has a treeinfo without images, nor what has none."""
    samples.put(tmp_path, samples.repository("alone"))
    with open_tree(tmp_path) as tree, pytest.raises(RequestError) as caught:
        tree.boot_files("x86_64")
    assert str(caught.value) == (
        f"not an install tree: {tmp_path}\n  it has neither .treeinfo nor treeinfo nor dists/stable/Release\n"
        "hint: choose a folder, ISO image or URL that contains .treeinfo (EL, Fedora) or dists/ (Debian)"
    )
    samples.put(tmp_path, {".treeinfo": b"[general]\narch = x86_64\n"})
    with open_tree(tmp_path) as tree, pytest.raises(RequestError) as caught:
        tree.identity()
    assert caught.value.message == f"the tree names no kernel and no initrd for x86_64: {tmp_path}"


def test_long_transfers_are_told(el7: Path, tmp_path: Path) -> None:
    (el7 / "large").write_bytes(b"x" * (40 << 20))
    events: list[Event] = []
    with served(el7) as url, open_tree(url) as tree:
        tree.fetch("large", tmp_path / "large", events.append)
    assert events == [OutputLine("16 of 40 MiB"), OutputLine("32 of 40 MiB")]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nfs://server/tree", "not the location of an install tree: nfs://server/tree"),
        ("scp://user:secret@server/tree", "not the location of an install tree: scp://user:***@server/tree"),
        ("ftp://", "the URL names no server: ftp://"),
        ("ftp://server:port/", "invalid URL: ftp://server:port/"),
        ("/nowhere/at/all", "no such install tree: /nowhere/at/all"),
        ("file:///nowhere/at/all", "no such install tree: /nowhere/at/all"),
        ("/dev/null", "neither a folder nor an ISO image: /dev/null"),
        ("/etc/hostname", "not an ISO image, or damaged: /etc/hostname"),
        ("", "not the location of an install tree: "),
        ("file:", "not the location of an install tree: file:"),
    ],
)
def test_what_is_no_place_of_a_tree(source: str, message: str) -> None:
    with pytest.raises(RequestError) as caught, open_tree(source):
        pytest.fail("it was opened")
    assert caught.value.message == message
