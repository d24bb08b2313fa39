"""Loading valid recipes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.bases import BootstrapBase, ImageBase
from builder.errors import RecipeError, RequestError
from builder.guest.info import GuestInfo
from builder.recipe import check_fits, load
from builder.recipe.fits import find_misfits
from builder.recipe.parse import resolve
from builder.sizes import parse_size
from builder.steps import Step, registry
from tests.recipe.conftest import BASE, FindProblems, Load

RECIPES = Path(__file__).parents[2] / "recipes"


def test_a_whole_recipe(load_text: Load, folder: Path) -> None:
    recipe = load_text(
        """
name: web-1.2_a
summary: "A {{ kind }} server"
vars: {kind: small, names: [lftp, lrzsz], release: bookworm, network: lab}
base:
  bootstrap: {distribution: debian, release: "{{ release }}", packages: [locales, g++]}
size: 32G
steps:
  - timezone: Europe/London
  - install: ["{{ names[0] }}", "{{ names | last }}"]
  - write:
      path: /etc/motd
      content: |
        {{ kind }} {% raw %}{{ kind }}{% endraw %}
  - timezone: {zone: UTC}
seal: {skip: [machine-id]}
domain: {memory: 512M, network: "{{ network }}"}
publish: {compress: zstd}
"""
    )
    assert recipe.file == recipe.source.file == folder / "recipe.yaml"
    assert (recipe.name, recipe.summary, recipe.size) == ("web-1.2_a", "A small server", 32 << 30)
    assert isinstance(recipe.base, BootstrapBase)
    assert recipe.base.bootstrap.release == "bookworm"
    assert list(recipe.base.bootstrap.packages) == ["locales", "g++"]
    assert (recipe.folder, recipe.where(recipe.steps[3])) == (folder, f"{folder}/recipe.yaml:15:5")
    assert [(step.step_name, *step.model_dump().values()) for step in (recipe.steps[i] for i in (0, 1, 3))] == [
        ("timezone", "Europe/London"),
        ("install", ["lftp", "lrzsz"]),
        ("timezone", "UTC"),
    ]
    assert recipe.steps[2].model_dump()["content"] == "small {{ kind }}\n"
    assert recipe.seal.skip == ("machine-id",)
    assert recipe.domain.model_dump() == {"vcpus": 2, "memory": 512 << 20, "network": "lab"}
    assert recipe.publish.model_dump() == {"format": "qcow2", "compress": "zstd"}
    with pytest.raises(ValidationError, match="frozen"):
        recipe.name = "other"  # type: ignore[misc]


def test_defaults(load_text: Load) -> None:
    recipe = load_text(f"name: web\n{BASE}")
    assert (recipe.summary, recipe.vars, recipe.size, recipe.steps) == ("", {}, None, ())
    assert (recipe.seal.skip, recipe.seal.also) == ((), ())
    assert recipe.publish.model_dump() == {"format": "qcow2", "compress": "none"}


def test_an_image_base(load_text: Load) -> None:
    base = load_text("name: web\nbase: {image: disk.img}").base
    assert isinstance(base, ImageBase)
    assert (base.image, base.sha256, base.is_url) == ("disk.img", None, False)
    digest = "ab" * 32
    base = load_text(f"name: web\nbase: {{image: 'https://images.test/disk.img', sha256: {digest}}}").base
    assert isinstance(base, ImageBase)
    assert (base.image, base.sha256, base.is_url) == ("https://images.test/disk.img", digest, True)


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*.yaml")), ids=lambda file: file.stem)
def test_shipped_recipes_are_valid(file: Path) -> None:
    assert load(file).name == file.stem


@pytest.mark.parametrize("own", [BASE, "base: {image: missing.qcow2}", "base: {image: '{{ unknown }}'}", ""])
def test_another_base_replaces_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "disk.img").touch()
    (tmp_path / "recipes").mkdir()
    file = tmp_path / "recipes/r.yaml"
    file.write_text(f"name: r\n{own}\nsteps: []\n")
    recipe = load(file, base=Path("disk.img"))
    assert recipe.base == ImageBase(image=str(tmp_path / "disk.img"))
    assert recipe.where_base == "--base"
    with pytest.raises(RequestError, match=f"the base image does not exist: {tmp_path}/other.img"):
        load(file, base=Path("other.img"))


def test_only_values_are_templates(load_text: Load) -> None:
    recipe = load_text(f"name: web\nvars: {{text: '{{{{ text }}}}'}}\n{BASE}\nsummary: '{{{{ text }}}}'")
    assert recipe.summary == "{{ text }}"


def test_a_recipe_is_relative_to_its_folder(load_text: Load, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_text("name: web\nbase: {image: disk.img}")
    monkeypatch.chdir(folder.parent)
    recipe = load(Path(folder.name) / "recipe.yaml")
    assert (recipe.file, recipe.folder) == (Path(folder.name) / "recipe.yaml", folder)


@pytest.mark.parametrize("name", sorted(registry()))
def test_the_example_of_every_step_is_valid(find_problems: FindProblems, name: str) -> None:
    example = registry()[name].example.replace("\n", "\n  ")
    problems = find_problems(f"name: web\nbase: {{image: disk.img}}\nsteps:\n- {example}\n")
    # The files and variables in an example need not exist.
    assert [problem for problem in problems if "no such file" not in problem and "is not set" not in problem] == []


@pytest.mark.parametrize(
    ("text", "size"), [("512", 512), ("1K", 1 << 10), ("3M", 3 << 20), ("32G", 32 << 30), ("2T", 2 << 40)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1.5G", "1g", "1 G", "1GB", "1G\n", "١G", "9" * 99, None, True, 1.0])
def test_invalid_sizes(text: object) -> None:
    with pytest.raises(ValueError, match="must be a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("0644", 644),
        ("-7", -7),
        ("0o17", 15),
        ("0xff", 255),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("-.Inf", float("-inf")),
        ("9" * 10_000, float("inf")),
        ("١", "١"),
    ],
)
def test_unquoted_words_in_yaml_1_2(text: str, value: object) -> None:
    assert (resolve(text), type(resolve(text))) == (value, type(value))


CENTOS = GuestInfo("centos", 7, 9, "x86_64", "yum", "CentOS Linux 7")
DEBIAN = GuestInfo("debian", 12, 0, "x86_64", "apt", "Debian 12")


class OnlySuse(Step, name="only-suse", version=1, example="only-suse: {}", families={"suse"}):
    """A step for one family."""


def test_steps_that_do_not_support_the_guest(load_text: Load) -> None:
    recipe = load_text("name: web\nbase: {image: disk.img}\nsteps: [{timezone: UTC}, {timezone: UTC}]")
    check_fits(recipe, CENTOS)
    misfits = recipe.model_copy(update={"steps": (recipe.steps[0], OnlySuse())})
    misfits.source.keys["steps", 1, "only-suse"] = misfits.source.keys["steps", 1, "timezone"]
    with pytest.raises(RecipeError) as caught:
        check_fits(misfits, CENTOS)
    assert (
        str(caught.value)
        == f"{recipe.file}:3:27: the step only-suse needs a guest of family suse; this guest is centos 7"
    )
    assert list(find_misfits([(1, OnlySuse())], recipe.source, "suse", "sles 15")) == []


def test_a_bootstrap_base_knows_its_family(find_problems: FindProblems, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = importlib.import_module("builder.recipe.load")
    monkeypatch.setattr(loader, "registry", lambda: {**registry(), "only-suse": OnlySuse})
    text = f"name: web\n{BASE}\nsteps:\n  - tmezone: UTC\n  - only-suse: {{}}"
    assert find_problems(text) == [
        '4:5: unknown step "tmezone"; did you mean "timezone"?',
        "5:5: the step only-suse needs a guest of family suse; this guest is debian",
    ]
