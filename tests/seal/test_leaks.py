"""Machine identities planted where no operation of the seal looks for them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from builder.paths import Output
from builder.seal.leaks import LeakKind, MachineIdentity, is_distinctive, kinds
from tests.conftest import Golden
from tests.pipeline.builds import write_recipe

ID = "0123456789abcdef0123456789abcdef"


def grep(kind: LeakKind, text: str) -> bool:
    done = subprocess.run(["grep", "-qiE", "-e", kind.pattern], input=text, text=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize(
    ("title", "text", "found"),
    [
        ("the machine id", f"id={ID}\n", True),
        ("the machine id", "id=01234567-89AB-cdef-0123-456789abcdef\n", True),
        ("the machine id", f"id={ID[:-1]}0\n", False),
        ("the name web-7", "127.0.1.1 web-7 web\n", True),
        ("the name web-7", "peer=web-7.example.com\n", True),
        ("the name web-7", "my-web-7\nweb-70\n", False),
        ("a hardware address", 'HWADDR="52:54:00:6C:3a:01"\n', True),
        ("a hardware address", "52:54:00:6c:3a:01\n", True),
        ("a hardware address", "# as in 52:54:00:6c:3a:01\n", False),
        ("a hardware address", "; as in 52:54:00:6c:3a:01\n", False),
        ("the name mercury", "ssh-ed25519 AAAA root@mercury\n", True),
        ("the name mercury", "mercury is a planet\n", False),
        ("a hardware address", "SHA1 52:54:00:6c:3a:01:99\n", False),
        ("a hardware address", "fe80:52:54:00:6c:3a:01\n", False),
        ("a private host key", "-----BEGIN OPENSSH PRIVATE KEY-----\n", True),
        ("a private host key", 'BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"\n', False),
    ],
)
def test_patterns(title: str, text: str, found: bool) -> None:
    (kind,) = (
        kind for kind in kinds(MachineIdentity(frozenset({ID}), frozenset({"web-7", "mercury"}))) if kind.title == title
    )
    assert grep(kind, text) is found
    assert any(map(kind.is_in, text.splitlines())) is found


@pytest.mark.parametrize("name", ["localhost", "Debian", "web", "", "a b c d", "node", "centos7", "debian12"])
def test_common_names(name: str) -> None:
    assert not is_distinctive(name)


def test_distinctive_names() -> None:
    assert is_distinctive("build7.example.com")


@pytest.mark.slow
def test_a_leak_fails_the_build(golden: Golden, fresh: Output, tmp_path: Path) -> None:
    planting = [
        "run-command: 'echo build-host-7 >/etc/hostname; echo peer=build-host-7 >>/etc/ssh/ssh_config'",
        f"run-command: 'mkdir -p /opt/agent /srv/x; echo agent={ID} >/opt/agent/state; touch /srv/x/file'",
        "run-command: 'mkdir /var/lib/nic; echo; echo 52:54:00:6c:3a:01 >>/var/lib/nic/seen'",
        'run-command: ssh-keygen -q -N "" -f /usr/local/etc/key',
    ]
    recipe = write_recipe(tmp_path, "leaky", *planting)
    # Not with the step `write`, whose file the seal would keep.
    recipe.write_text(recipe.read_text().replace("steps:\n", f"steps:\n  - run-command: echo {ID} >/etc/machine-id\n"))
    failed = golden("build", recipe, at=fresh)
    assert failed.returncode == 4, failed.stderr
    lines = [line.strip() for line in failed.stderr.splitlines() if "identity-leak: found" in line]
    last = re.compile(r"\d+$")
    assert [last.sub("N", line) for line in lines] == [
        "seal: identity-leak: found the machine id in /opt/agent/state:N",
        "seal: identity-leak: found the name build-host-7 in /etc/ssh/ssh_config:N",
        "seal: identity-leak: found a hardware address in /var/lib/nic/seen:N",
        "seal: identity-leak: found a private host key in /usr/local/etc/key:N",
    ]
    assert json.loads(golden("list", "--json", at=fresh).stdout) == []

    wanted = write_recipe(tmp_path, "leaky", 'write: {path: /opt/nic, content: "52:54:00:6c:3a:01"}')
    done = golden("build", wanted, at=fresh)
    assert done.returncode == 0, done.stderr
