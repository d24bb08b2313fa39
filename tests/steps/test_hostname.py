from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.steps.hostname import Hostname, rename


@pytest.mark.parametrize("name", ["a", "node-1", "1node", "node.example.com", "x" * 63])
def test_names(name: str) -> None:
    assert Hostname.model_validate(name).title == f"hostname {name}"


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a..b", ".a", "a.", "a_b", "a b", "a\n", "ä", "x" * 64, ".".join(["abcdefghi"] * 7)]
)
def test_refused_names(name: str) -> None:
    with pytest.raises(ValidationError):
        Hostname.model_validate(name)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "127.0.0.1 localhost\n127.0.1.1 old.example.com old\n10.0.0.1 old # by hand\n",
            "127.0.0.1 localhost\n127.0.1.1\tnew.lan new\n10.0.0.1 old # by hand\n",
        ),
        ("# top\n127.0.0.1 localhost old\n::1 old\n", "# top\n127.0.0.1\tlocalhost\n127.0.1.1\tnew.lan new\n"),
        ("", "127.0.1.1\tnew.lan new\n"),
        (
            "127.0.1.1 new.lan new\n127.0.1.1 other\n127.0.0.1 localhost new\n",
            "127.0.0.1\tlocalhost\n127.0.1.1\tnew.lan new\n",
        ),
    ],
)
def test_rename(before: str, after: str) -> None:
    assert rename(before, "old", "new.lan") == after
    assert rename(after, "new.lan", "new.lan") == after


def test_hostname(folder_debian: Guest) -> None:
    guest = folder_debian
    guest.remove("/etc/hosts")
    step = Hostname(hostname="node1.example.com")
    assert not any(finding.ok for finding in step.check(guest))
    step.apply(guest)
    assert guest.read("/etc/hostname") == "node1.example.com\n"
    assert guest.query("getent hosts node1") == "127.0.1.1       node1.example.com node1"
    assert all(finding.ok for finding in step.check(guest))

    step = Hostname(hostname="node2")
    step.apply(guest)
    assert guest.read("/etc/hosts") == (
        "127.0.0.1\tlocalhost\n127.0.1.1\tnode2\n::1\t\tlocalhost ip6-localhost ip6-loopback\n"
    )
    assert all(finding.ok for finding in step.check(guest))
    guest.write("/etc/hostname", "localhost\n")
    assert [finding.message for finding in step.check(guest) if not finding.ok] == [
        "the host name is localhost (expected node2)"
    ]
    assert set(step.kept_paths()) == {"/etc/hostname", "/etc/hosts"}
