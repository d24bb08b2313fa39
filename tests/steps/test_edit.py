from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.steps.edit import Edit


@pytest.mark.parametrize(
    ("pattern", "replace", "reason"),
    [
        ("(", "x", "pattern\n.*invalid regular expression: missing"),
        ("", "x", "pattern"),
        ("a", r"\1", "invalid `replace` for this `pattern`: invalid group reference 1"),
        ("(?P<a>a)", r"\g<b>", "invalid `replace` for this `pattern`: unknown group name 'b'"),
        ("a", "\\", "invalid `replace` for this `pattern`: bad escape"),
        ("(?x)a # comment", r"\2", "invalid `replace` for this `pattern`: invalid group reference 2"),
    ],
)
def test_refused(pattern: str, replace: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Edit(path="/x", pattern=pattern, replace=replace)


@pytest.mark.parametrize(
    ("pattern", "replace", "before", "after"),
    [
        ("^#?PermitRootLogin.*$", "PermitRootLogin no", "a\n#PermitRootLogin x\nb\n", "a\nPermitRootLogin no\nb\n"),
        ("enabled=1", "enabled=0", "enabled=0\nenabled=1\nenabled=1", "enabled=0\nenabled=0\nenabled=0"),
        ("(?i)^BAD.*\n", "", "bad one\ngood\nBad two\n", "good\n"),
        (r"^(\w+)=(?P<value>\w+)$", r"\g<value>=\1", "a=b\n", "b=a\n"),
        (r"^(\d+)$", r"\1\1", "12\nx\n", "1212\nx\n"),
        ("foo", "foobar", "a foo\n", "a foobar\n"),
        ("a$", r"a\tb", "a\n", "a\tb\n"),
        ("^", "# ", "a\nb", "# a\n# b"),
        ("a.*?\nb", "c", "a\nb\n", "c\n"),
        ("  +", " ", "a    b", "a b"),
        (r"\\x", r"\\y", "\\x", "\\y"),
        ("x", "grüße", "x\udcff", "grüße\udcff"),
    ],
)
def test_result_and_its_check(pattern: str, replace: str, before: str, after: str) -> None:
    step = Edit(path="/x", pattern=pattern, replace=replace)
    assert step._replace_all(before)[0] == after
    assert step._is_done(after)
    # If the edit matches its own result, the check accepts a result that was there before.
    assert not step._is_done(before) or replace in (r"\g<value>=\1", r"\1\1")


def test_edit(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.write("/srv/file", "one\ntwo\none\n", mode=0o4640, owner="12:34")
    guest.link("file", "/srv/alias")
    step = Edit(path="/srv/alias", pattern="^one$", replace="1")
    assert [finding.ok for finding in step.check(guest)] == [False]
    inode = guest.query("stat -c %i /srv/file")
    step.apply(guest)
    assert guest.read("/srv/file") == "1\ntwo\n1\n"
    assert guest.query("cd /srv; stat -c '%a %u:%g' file; readlink alias; stat -c %i file").splitlines() == [
        "4640 12:34",
        "file",
        inode,
    ]
    assert [finding.ok for finding in step.check(guest)] == [True]

    with pytest.raises(GuestError, match=r"nothing in /srv/alias matches \^one\$"):
        step.apply(guest)
    Edit(path="/srv/alias", pattern="^one$", replace="1", optional=True).apply(guest)
    for missing in (True, False):
        with pytest.raises(GuestError, match="the guest has no /srv/none"):
            Edit(path="/srv/none", pattern="a", replace="b", optional=missing).apply(guest)
    assert [finding.message for finding in Edit(path="/srv/none", pattern="a", replace="b").check(guest)] == [
        "/srv/none is missing"
    ]
    with pytest.raises(GuestError, match="/srv"):
        Edit(path="/srv", pattern="a", replace="b").apply(guest)

    # Larger than a libguestfs message, and not UTF-8.
    large = (b"\xff\xfe" + b"-" * 1000 + b" x\n") * 5_000
    guest.write("/srv/large", large)
    Edit(path="/srv/large", pattern="x$", replace="yz").apply(guest)
    assert guest.read_bytes("/srv/large") == large.replace(b"x", b"yz")
