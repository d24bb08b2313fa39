"""The kickstart base: its options, its identity, and the arguments of its installer."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from builder import process
from builder.appliance.appliance import Appliance
from builder.bases import BaseRequest, BuildContext, KickstartBase
from builder.bases.kickstart.address import Address
from builder.bases.kickstart.make import arguments, hide_secrets
from builder.bases.kickstart.serve import serve_folder
from builder.errors import BuildError, HostError, Problem, RecipeError, RequestError
from builder.events import Event, Notice, OutputLine, silent
from builder.inputs import RecipeContext

KICKSTART = """\
#version=RHEL9
url --url={{ tree }}
rootpw {% if secrets.root is defined %}--plaintext {{ secrets.root | quote }}{% else %}--lock{% endif %}

part / --size={{ size }} --ondisk={{ disk }}
poweroff
%packages
%end
"""

PRESEED = "d-i debian-installer/exit/poweroff boolean true\n"

TREEINFO = """\
[general]
family = AlmaLinux
version = 9.4
arch = {arch}

[images-{arch}]
kernel = images/pxeboot/vmlinuz
initrd = images/pxeboot/initrd.img
"""

Make = Callable[..., KickstartBase]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a recipe, with answer files and a tree."""
    (tmp_path / "x.ks.j2").write_text(KICKSTART)
    (tmp_path / "x.preseed").write_text(PRESEED)
    make_tree(tmp_path / "tree")
    return tmp_path


def make_tree(tree: Path, arch: str = "x86_64") -> Path:
    (tree / "images/pxeboot").mkdir(parents=True)
    (tree / ".treeinfo").write_text(TREEINFO.format(arch=arch))
    for name in ("vmlinuz", "initrd.img"):
        (tree / "images/pxeboot" / name).write_text(name)
    return tree


@pytest.fixture
def make_base(folder: Path) -> Make:
    def make_base(**options: Any) -> KickstartBase:
        kickstart = {"file": "x.ks.j2", "tree": "tree", "vars": {"size": 1024}, **options}
        kickstart = {name: value for name, value in kickstart.items() if value is not None}
        context = RecipeContext(folder, variables={"size": 1, "city": "Leeds"})
        return KickstartBase.model_validate({"kickstart": kickstart}, context=context)

    return make_base


@pytest.fixture
def base_request(folder: Path) -> BaseRequest:
    return BaseRequest(folder, folder / "templates", secret_key=b"key")


def refusal(make_base: Make, **options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        make_base(**options)
    return str(caught.value)


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tree": None}, "set either tree or iso"),
        ({"iso": "x.ks.j2"}, "set either tree or iso"),
        ({"file": "absent.ks"}, "no such file: absent.ks"),
        ({"tree": "absent"}, "no such file: absent"),
        ({"tree": ""}, "no such file"),
        ({"tree": "x.ks.j2"}, "not a folder: x.ks.j2; give an ISO image as `iso:`"),
        ({"tree": "gopher://host/"}, "must be a URL that starts with http://, https:// or ftp://"),
        ({"tree": "http://"}, "must be a URL that starts with http://, https:// or ftp://"),
        ({"tree": "http://a b/"}, "must be a URL that starts with http://, https:// or ftp://"),
        ({"tree": None, "iso": "absent.iso"}, "no such file: absent.iso"),
        ({"vars": {"tree": "x"}}, "golden sets the variable tree itself"),
        ({"vars": {"1st": "x"}}, "must not start with a digit"),
        ({"secrets": {"a-b": {"env": "PATH"}}}, "a secret name must be"),
        ({"secrets": {"root": {"env": "GOLDEN_ABSENT"}}}, "the environment variable GOLDEN_ABSENT is not set"),
        ({"syntax": "RHEL99"}, 'unknown kickstart syntax "RHEL99"'),
        ({"file": "x.preseed", "syntax": "RHEL9"}, "it is only for kickstarts"),
        ({"arguments": ["a b"]}, "pattern"),
        ({"other": 1}, "Extra inputs"),
    ],
)
def test_invalid_options(make_base: Make, options: dict[str, Any], message: str) -> None:
    assert message in refusal(make_base, **options)


@pytest.mark.parametrize(
    ("name", "preseed"),
    [("x.ks.j2", False), ("x.preseed", True), ("x.preseed.j2", True), ("preseed.cfg", True), ("preseeded.ks", False)],
)
def test_the_file_name_chooses_the_installer(folder: Path, make_base: Make, name: str, preseed: bool) -> None:
    (folder / name).touch()
    base = make_base(file=name)
    assert base.kickstart.is_preseed is preseed
    assert base.family == ("debian" if preseed else "redhat")
    assert base.title == f"install {name.removesuffix('.j2')}"


def test_the_parts_of_an_address() -> None:
    address = Address("http://host:8000/debian/dists/bookworm/")
    assert (address.protocol, address.host, address.folder, address.release) == (
        *("http", "host:8000", "/debian", "bookworm"),
    )
    plain = Address("ftp://me:word@host")
    assert (plain.protocol, plain.host, plain.folder, plain.release) == ("ftp", "host", "/", "stable")


# --- lint ----------------------------------------------------------------------------------------


def problems(base: KickstartBase) -> list[str]:
    return [f"{problem.line}:{problem.column}: {problem.message}" for problem in base.find_problems("bios")]


def test_lint_needs_no_tree(make_base: Make) -> None:
    assert problems(make_base(tree="http://nowhere.invalid/tree")) == []


def test_lint_reports_all_problems_with_their_positions(folder: Path, make_base: Make) -> None:
    (folder / "x.ks.j2").write_text(KICKSTART.replace("part", "prt").replace("{{ tree }}", "{{ tree }} --bogus"))
    assert problems(make_base()) == ["2:22: unrecognized arguments: --bogus", "5:1: Unknown command: prt"]
    (folder / "x.ks.j2").write_text(KICKSTART + "{{ citi }}\n")
    assert problems(make_base()) == ['9:4: undefined variable "citi"; did you mean "city"?']


def test_a_message_contains_no_secret(folder: Path, make_base: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT", "hunter2")
    (folder / "x.ks.j2").write_text(KICKSTART + "bogus {{ secrets.root }}\nrootpw --{{ secrets.root }}\n")
    found = problems(make_base(secrets={"root": {"env": "ROOT"}}))
    assert len(found) == 2
    assert "hunter2" not in str(found)


# --- identity ------------------------------------------------------------------------------------


def test_what_changes_the_identity(folder: Path, make_base: Make, base_request: BaseRequest) -> None:
    first = make_base().identity(base_request)
    assert make_base().identity(base_request) == first
    assert (first["kind"], first["size"], first["firmware"]) == ("kickstart", 8 << 30, "bios")
    changed = [
        make_base(vars={"size": 2048}).identity(base_request),
        make_base(arguments=["inst.debug"]).identity(base_request),
        make_base().identity(replace(base_request, size=1 << 30)),
        make_base().identity(replace(base_request, firmware="uefi")),
    ]
    (folder / "x.ks.j2").write_text(KICKSTART + "# a line more\n")
    changed.append(make_base().identity(base_request))
    (folder / "x.ks.j2").write_text(KICKSTART)
    (folder / "tree/images/pxeboot/initrd.img").write_text("another")
    changed.append(make_base().identity(base_request))
    assert all(other != first for other in changed)
    assert len({str(other) for other in changed}) == len(changed)


def test_the_path_of_a_folder_is_not_part_of_the_identity(
    folder: Path, make_base: Make, base_request: BaseRequest
) -> None:
    first = make_base().identity(base_request)
    (folder / "tree").rename(folder / "moved")
    assert make_base(tree="moved").identity(base_request) == first


def test_a_secret_counts_by_its_keyed_digest(
    make_base: Make, base_request: BaseRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"root": {"env": "ROOT"}}
    monkeypatch.setenv("ROOT", "hunter2")
    first = make_base(secrets=secrets).identity(base_request)
    assert first != make_base().identity(base_request)
    assert first != make_base(secrets=secrets).identity(replace(base_request, secret_key=b"another"))
    base = make_base(secrets=secrets)
    monkeypatch.setenv("ROOT", "hunter3")
    assert base.identity(base_request) != first


def test_a_tree_that_is_not_there(make_base: Make, base_request: BaseRequest) -> None:
    with pytest.raises(HostError, match=r"127\.0\.0\.1:1/tree"):
        make_base(tree="http://127.0.0.1:1/tree").identity(base_request)


def test_a_folder_without_a_tree(folder: Path, make_base: Make, base_request: BaseRequest) -> None:
    (folder / "tree/.treeinfo").unlink()
    with pytest.raises(RequestError, match="not an install tree"):
        make_base().identity(base_request)


def test_a_tree_without_its_kernel(folder: Path, make_base: Make, base_request: BaseRequest) -> None:
    (folder / "tree/images/pxeboot/vmlinuz").unlink()
    with pytest.raises(RequestError, match="the tree has no images/pxeboot/vmlinuz"):
        make_base().identity(base_request)


def test_a_tree_of_another_architecture(folder: Path, make_base: Make, base_request: BaseRequest) -> None:
    make_tree(folder / "arm", "aarch64")
    with pytest.raises(RequestError, match="the tree is for aarch64, not for x86_64"):
        make_base(tree="arm").identity(base_request)


def test_an_iso_image_without_a_tree(folder: Path, make_base: Make, base_request: BaseRequest) -> None:
    (folder / "content").mkdir()
    (folder / "content/file").write_text("no tree")
    iso = folder / "x.iso"
    process.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", str(iso), str(folder / "content")])
    with pytest.raises(RequestError, match="not an install tree"):
        make_base(tree=None, iso="x.iso").identity(base_request)
    iso.write_text("no image at all")
    with pytest.raises((RequestError, HostError), match=r"x\.iso"):
        make_base(tree=None, iso="x.iso").identity(base_request)


def test_answers_for_the_other_installer(folder: Path, make_base: Make, base_request: BaseRequest) -> None:
    with pytest.raises(RequestError, match=r"x\.preseed is a preseed file, but the tree has AlmaLinux 9\.4"):
        make_base(file="x.preseed").identity(base_request)


# --- the installer -------------------------------------------------------------------------------


def test_kernel_arguments(make_base: Make) -> None:
    remote = make_base(tree="ftp://localhost:2121/centos", arguments=["inst.debug"]).kickstart
    found = list(arguments(remote, remote.address))
    assert {"inst.ks=file:/ks.cfg", "inst.repo=ftp://10.0.2.2:2121/centos", "ip=dhcp", "inst.nosave=all_ks"} <= {*found}
    assert found[-1] == "inst.debug"
    disc = make_base(tree=None, iso="x.ks.j2").kickstart
    found = list(arguments(disc, disc.address))
    assert "inst.repo=cdrom" in found
    assert not [word for word in found if word.startswith("ip=")]
    debian = make_base(file="x.preseed", tree="http://deb.example/debian").kickstart
    found = list(arguments(debian, debian.address))
    assert {"auto=true", "priority=critical", "file=/preseed.cfg", "console=ttyS0,115200"} <= {*found}
    assert not [word for word in found if word.startswith("inst.")]


def test_secrets_are_hidden() -> None:
    heard: list[Event] = []
    with hide_secrets(["hunter2", "hunter", ""], heard.append) as emit:
        emit(OutputLine("rootpw hunter2, of hunter"))
        emit(Notice("stage hunter2", warning=True))
    assert heard == [OutputLine("rootpw ***, of ***"), Notice("stage ***", warning=True)]
    with pytest.raises(BuildError) as caught, hide_secrets(["hunter2"], silent):
        raise BuildError("it said hunter2", details="and hunter2", hint="look")
    assert str(caught.value) == "it said ***\n  and ***\nhint: look"
    with pytest.raises(RecipeError) as wrong, hide_secrets(["hunter2"], silent):
        raise RecipeError([Problem(Path("x"), 1, 1, "no hunter2")])
    assert str(wrong.value) == "x:1:1: no ***"


def test_a_secret_that_breaks_the_kickstart(
    folder: Path, make_base: Make, base_request: BaseRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "x.ks.j2").write_text(KICKSTART.replace(" | quote", ""))
    monkeypatch.setenv("ROOT", "hunter2 'x")
    base = make_base(secrets={"root": {"env": "ROOT"}})
    assert problems(base) == []
    context = BuildContext(base_request, folder / "downloads", folder, no_appliance, silent)
    with pytest.raises(RecipeError) as caught:
        base.make(context, folder / "target.qcow2")
    assert str(caught.value) == f"{folder}/x.ks.j2:3:1: No closing quotation"
    assert not (folder / "target.qcow2").exists()


def no_appliance() -> Appliance:
    pytest.fail("an install needs no appliance")


def test_a_folder_is_served_during_the_install(folder: Path) -> None:
    os.environ.setdefault("NO_PROXY", "*")
    with serve_folder(folder / "tree") as url:
        assert httpx.get(f"{url}/images/pxeboot/vmlinuz").text == "vmlinuz"
        assert httpx.get(f"{url}/../x.ks.j2").status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/.treeinfo")
