from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.append_line import AppendLine


@pytest.mark.parametrize("line", ["a\nb", "a\n", "a\r", "\n"])
def test_more_than_one_line_is_refused(line: str) -> None:
    with pytest.raises(ValidationError, match="must be one line"):
        AppendLine(path="/x", line=line)


def test_append_line(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.write("/srv/whole", "one\n", mode=0o640, owner="12:34")
    guest.write("/srv/open", "one", mode=0o4755)
    guest.write("/srv/empty", "")
    guest.link("whole", "/srv/alias")
    for path, line, expected in (
        ("/srv/whole", "two", "one\ntwo\n"),
        ("/srv/open", "zwölf  'x' ", "one\nzwölf  'x' \n"),
        ("/srv/empty", "two", "two\n"),
        ("/srv/new/folder/file", "two", "two\n"),
        ("/srv/alias", "three", "one\ntwo\nthree\n"),
    ):
        step = AppendLine(path=path, line=line)
        assert [finding.ok for finding in step.check(guest)] == [False], path
        step.apply(guest)
        assert guest.read(path) == expected
        assert [finding.ok for finding in step.check(guest)] == [True], path
        assert list(step.kept_paths()) == [path]
    AppendLine(path="/srv/whole", line="").apply(guest)
    assert guest.read("/srv/whole") == "one\ntwo\nthree\n\n"

    assert guest.read_link("/srv/alias") == "whole"
    assert guest.query("cd /srv; stat -c '%a %u:%g' whole open new/folder/file").splitlines() == [
        "640 12:34",
        "4755 0:0",
        "644 0:0",
    ]
    with pytest.raises(GuestError, match=r"/srv/new"):
        AppendLine(path="/srv/new", line="x").apply(guest)
