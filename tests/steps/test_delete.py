from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.steps.delete import Delete


@pytest.mark.parametrize("paths", ["/", "/*", ["/srv", "/?*"]])
def test_the_whole_guest_is_refused(paths: str | list[str]) -> None:
    with pytest.raises(ValidationError, match="would delete the whole guest"):
        Delete.model_validate(paths)


@pytest.mark.parametrize("paths", [[], "", "etc/motd", ["/a/../b"], "/srv/"])
def test_refused(paths: str | list[str]) -> None:
    with pytest.raises(ValidationError):
        Delete.model_validate(paths)


def test_affected_paths() -> None:
    step = Delete.model_validate(["/etc/motd", "/var/log/*.log", "/srv/a{b,c}/d", "/x*/y"])
    assert list(step.affected_paths()) == ["/etc/motd", "/var/log", "/srv", ""]
    assert list(step.kept_paths()) == []
    assert step.title == "delete /etc/motd /var/log/*.log /srv/a{b,c}/d /x*/y"


def test_delete(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.write("/srv/precious/file", "text")
    for name in ("one", "two", ".hidden", "it's", "tree/deep/.file", "a1/x", "a2/x", "b1/x", "[x]"):
        guest.write(f"/srv/dir/{name}", "text")
    guest.link("/srv/precious", "/srv/dir/link")
    guest.link("/nowhere", "/srv/dangling")

    def left() -> list[str]:
        return guest.ls("/srv/dir")

    for paths, names in (
        (
            ["/srv/dir/one", "/srv/dir/it's", "/srv/dangling"],
            [".hidden", "[x]", "a1", "a2", "b1", "link", "tree", "two"],
        ),
        ("/srv/dir/t*", [".hidden", "[x]", "a1", "a2", "b1", "link"]),
        ("/srv/dir/{a,b}1/x", [".hidden", "[x]", "a1", "a2", "b1", "link"]),
        ("/srv/dir/[ab]?", [".hidden", "[x]", "link"]),
        ("/srv/dir/*", [".hidden"]),
    ):
        step = Delete.model_validate(paths)
        assert not all(finding.ok for finding in step.check(guest))
        step.apply(guest)
        assert left() == names
        assert all(finding.ok for finding in step.check(guest))
        step.apply(guest)  # missing paths are ignored
    assert guest.read("/srv/precious/file") == "text"
    assert not guest.exists("/srv/dangling")
