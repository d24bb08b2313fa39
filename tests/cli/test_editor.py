"""An editor on a text, as users set theirs up."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.cli.editor import edit_text, keep_text
from builder.errors import RequestError


@pytest.fixture(autouse=True)
def no_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(variable, raising=False)


def test_editors_have_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i -e 's/one/two words/'")
    assert edit_text("one\né\r\n", ".xml") == "two words\né\r\n"


def test_visual_goes_before_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", "true")
    assert edit_text("same", ".xml") == "same"


def test_the_file_s_name_tells_the_editor_what_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDITOR", f"sh -c 'echo \"$0\" >{tmp_path}/name'")
    edit_text("", ".xml")
    name = (tmp_path / "name").read_text().strip()
    assert name.endswith(".xml")
    assert not Path(name).exists()


@pytest.mark.parametrize(
    ("editor", "said"),
    [
        ("false", "the editor failed; nothing was changed\n  false exited with status 1"),
        (
            "no-such-editor 2>/dev/null",
            "the editor failed; nothing was changed\n  no-such-editor 2>/dev/null exited with status 127\n"
            "hint: set VISUAL or EDITOR to an installed editor",
        ),
        ("rm", "cannot read the edited text; nothing was changed\n  [Errno 2] "),
        (
            "printf '\\377' >",
            "cannot read the edited text; nothing was changed\n  'utf-8' codec can't decode byte 0xff",
        ),
    ],
)
def test_editors_that_fail(monkeypatch: pytest.MonkeyPatch, editor: str, said: str) -> None:
    monkeypatch.setenv("EDITOR", editor)
    with pytest.raises(RequestError) as refused:
        edit_text("text", ".xml")
    assert str(refused.value).startswith(said)


def test_what_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = keep_text("é\r\n", "vbr", ".xml")
    assert kept.parent == tmp_path
    assert kept.read_bytes() == "é\r\n".encode()
    assert kept.suffix == ".xml"
