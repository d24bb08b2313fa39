"""Which recipe a disk is held to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builder import digest
from builder.attestations.recipe import hides_password, without_passwords
from builder.audits import find_promises
from builder.errors import RequestError
from builder.paths import Output
from builder.store import Version
from tests.nodes.templates import fabricate

TEXT = "name: web\nbase: {image: x}\nsteps: [{timezone: UTC}, {upload: {source: a, path: /a}}]\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a recipe of the template `web` and its input file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/a").write_text("")
    (tmp_path / "recipes/server.yaml").write_text(TEXT)
    return tmp_path


def publish(here: Path, built_of: str = TEXT, *, copy: bool) -> Version:
    """A version that was built of a recipe, whose text it has or, as older ones, has not."""
    (here / "built.yaml").write_text(built_of)
    about = {"file": "server.yaml", "sha256": digest.of_file(here / "built.yaml")}
    version = fabricate(Output(here / "output"), "web", recipe=about)
    if copy:
        version.recipe_file.write_text(without_passwords(built_of))
    return version


def test_its_own_among_its_input_files(here: Path) -> None:
    found = find_promises(None, publish(here, copy=True))
    assert (found.file, found.doubt, found.recipe.skipped) == (Path("recipes/server.yaml"), None, ())
    assert [step.step_name for step in found.recipe.steps] == ["timezone", "upload"]


def test_its_copy_where_the_recipe_was_edited_since(here: Path) -> None:
    version = publish(here, copy=True)
    (here / "recipes/server.yaml").write_text(TEXT.replace("UTC", "CET"))
    found = find_promises(None, version)
    assert (found.file, found.doubt) == (version.recipe_file, None)
    assert [step.title for step in found.recipe.steps] == ["timezone UTC"]
    assert [name for name, _, _ in found.recipe.skipped] == ["upload"]


def test_an_edited_one_at_last_with_a_doubt(here: Path) -> None:
    version = publish(here, TEXT + "# then\n", copy=False)
    found = find_promises(None, version)
    assert found.file == Path("recipes/server.yaml")
    assert found.doubt
    assert "was edited" in found.doubt


def test_the_one_that_is_named(here: Path) -> None:
    (here / "other.yaml").write_text("name: other\nsteps: []\n")
    found = find_promises(Path("other.yaml"), publish(here, copy=True))
    assert found.recipe.name == "other"
    assert found.doubt
    assert "is the recipe of other, not of web:" in found.doubt
    assert find_promises(Path("recipes/server.yaml"), publish(here, copy=True)).doubt is None
    assert find_promises(Path("other.yaml"), None).recipe.steps == ()


def test_none(here: Path) -> None:
    shutil.rmtree(here / "recipes")
    with pytest.raises(RequestError, match="no recipe found for web:"):
        find_promises(None, publish(here, copy=False))
    with pytest.raises(RequestError, match="cannot tell which recipe"):
        find_promises(None, None)


def test_two_of_the_name_are_none(here: Path) -> None:
    (here / "recipes/again.yaml").write_text(TEXT)
    version = publish(here, copy=True)
    assert find_promises(None, version).file == version.recipe_file


def test_a_step_whose_password_the_copy_lacks(here: Path) -> None:
    text = "name: web\nsteps: [{repo: {id: own, baseurl: 'http://me:word@host/x', gpgcheck: false}}]\n"
    shutil.rmtree(here / "recipes")
    found = find_promises(None, publish(here, text, copy=True))
    assert found.recipe.steps == ()
    ((name, _, why),) = found.recipe.skipped
    assert (name, why) == ("repo", "the version's copy of the recipe hides the password in its URL")
    assert "word@" not in found.file.read_text()
    assert not hides_password({"a": ["http://host/x", "***@", 5]})
