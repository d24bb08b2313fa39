from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.inputs import KeyContext, RecipeContext
from builder.steps.write import Write


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"path": "etc/motd"}, "absolute"),
        ({"path": "/etc/../motd"}, r"must not contain \.\."),
        ({"path": "/etc//motd"}, "must have no needless slashes or dots: write it as /etc/motd"),
        ({"path": "/etc/motd/"}, "must have no needless slashes or dots: write it as /etc/motd"),
        ({"path": "/etc/mo\ntd"}, "line breaks"),
        ({"content": None}, "either content or template"),
        ({"template": "t"}, "either content or template"),
        ({"mode": 644}, "put it in quotes"),
        ({"mode": "abc"}, "octal"),
        ({"mode": "0999"}, "octal"),
        ({"mode": "000644"}, "octal"),
        ({"owner": "a:b:c"}, "owner"),
        ({"owner": "-x"}, "owner"),
    ],
)
def test_refused(wrong: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("x")
    with pytest.raises(ValidationError, match=reason):
        Write.model_validate({"path": "/etc/motd", "content": "x", **wrong}, context=RecipeContext(tmp_path))


def test_template_is_rendered_when_the_recipe_is_read(tmp_path: Path) -> None:
    def render(text: str) -> str:
        if "{{ unknown }}" in text:
            raise ValueError("'unknown' is undefined")
        return text.replace("{{ name }}", "web")

    place = RecipeContext(tmp_path, render)
    (tmp_path / "t").write_text("I am {{ name }}\n")
    step = Write.model_validate({"path": "/etc/motd", "template": "t"}, context=place)
    assert "I am web" in str(step.key_options(KeyContext(b"")))
    (tmp_path / "t").write_text("I am {{ unknown }}\n")
    with pytest.raises(ValidationError, match="'unknown' is undefined"):
        Write.model_validate({"path": "/etc/motd", "template": "t"}, context=place)
    (tmp_path / "t").write_bytes(b"\xff\xfe")
    with pytest.raises(ValidationError, match="not a text file in UTF-8: t"):
        Write.model_validate({"path": "/etc/motd", "template": "t"}, context=place)
    with pytest.raises(ValidationError, match="no such file: none"):
        Write.model_validate({"path": "/etc/motd", "template": "none"}, context=place)


def test_one_mode_has_one_layer_key() -> None:
    short, long = (Write(path="/x", content="", mode=mode).key_options(KeyContext(b"")) for mode in ("640", "0640"))
    assert short == long


def test_write(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    step = Write(path="/srv/new/folder/file", content="grüße\n", mode="4750", owner="daemon:adm")
    assert [finding.message for finding in step.check(guest)] == ["/srv/new/folder/file is missing"]
    step.apply(guest)
    assert guest.query("stat -c '%a %U:%G' /srv/new/folder/file; cat /srv/new/folder/file") == "4750 daemon:adm\ngrüße"
    assert [finding.ok for finding in step.check(guest)] == [True, True, True]
    assert list(step.kept_paths()) == ["/srv/new/folder/file"]

    guest.write("/srv/new/folder/file", "else", mode=0o600, owner="0:0")
    assert [finding.ok for finding in step.check(guest)] == [False, False, False]

    (tmp_path / "t").write_text("from a template\n")
    drawn = Write.model_validate(
        {"path": "/etc/motd", "template": "t", "owner": "1234"}, context=RecipeContext(tmp_path)
    )
    drawn.apply(guest)
    assert guest.query("stat -c '%a %u:%g' /etc/motd; cat /etc/motd") == "644 1234:1234\nfrom a template"
    assert all(finding.ok for finding in drawn.check(guest))

    guest.link("folder/file", "/srv/new/link")
    through = Write(path="/srv/new/link", content="through", mode="0600")
    through.apply(guest)
    assert guest.read_link("/srv/new/link") == "folder/file"
    assert guest.query("stat -c '%a %u:%g' /srv/new/folder/file; cat /srv/new/folder/file") == "600 0:0\nthrough"
    assert all(finding.ok for finding in through.check(guest))

    with pytest.raises(GuestError, match="no user nobody-here"):
        Write(path="/srv/x", content="", owner="nobody-here").apply(guest)
    with pytest.raises(GuestError, match="/srv/new"):
        Write(path="/srv/new", content="").apply(guest)
