"""Made-up reports of nightly runs."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from builder.nightly.report import (
    GOOD,
    STATES,
    ActionTiming,
    PackageUpdate,
    PruneOutcome,
    RecipeOutcome,
    Report,
    UpstreamChange,
)

BEGAN = 1795574400.0
"""2026-11-25 02:40 UTC."""

UNCHANGED = RecipeOutcome(
    recipe="db.yaml",
    template="db",
    state="unchanged",
    before="20261124.1-ab12cd34",
    after="20261124.1-ab12cd34",
    bytes=410 << 20,
    last_success=BEGAN,
)
REBUILT = RecipeOutcome(
    recipe="web.yaml",
    template="web",
    state="rebuilt",
    before="20261124.1-ab12cd34",
    after="20261125.1-98fe76dc",
    why=("install nginx-light, curl: bookworm-security moved upstream",),
    moved=(
        UpstreamChange(
            url="http://mirror.example/debian-security/dists/bookworm-security/InRelease",
            step="install nginx-light, curl",
            before="ab" * 32,
            after="cd" * 32,
        ),
    ),
    packages=(
        PackageUpdate(name="libnghttp2-14", arch="amd64", after="1.52.0-1"),
        PackageUpdate(name="mawk", arch="amd64", before="1.3.4-2"),
        PackageUpdate(name="curl", arch="amd64", before="7.88.1-10+deb12u7", after="7.88.1-10+deb12u8"),
    ),
    actions=(
        ActionTiming(title="bootstrap debian bookworm", status="cached", reason="in the cache"),
        ActionTiming(
            title="install nginx-light, curl", status="ran", seconds=21.25, reason="bookworm-security moved upstream"
        ),
        ActionTiming(title="seal", status="ran", seconds=4.5, reason="follows install nginx-light, curl"),
        ActionTiming(title="publish", status="ran", seconds=9.0, reason="follows install nginx-light, curl"),
    ),
    seconds=192.3,
    promoted=("stable",),
    bytes=430 << 20,
    last_success=BEGAN,
    log="/srv/golden/nightly/20261125T024000Z/web.log",
)
UNVERIFIED = RecipeOutcome(
    recipe="gateway.yaml",
    template="gateway",
    state="unverified",
    exit_code=5,
    before="20261120.1-00112233",
    after="20261125.1-44556677",
    why=("kernel-args root=/dev/vdz9: its options changed",),
    error="gateway:20261125.1-44556677 failed its verification: no login prompt within 300 s; latest stays at "
    "20261120.1-00112233\n  login: no prompt on the serial console",
    console=(
        '[    4.482913] VFS: Cannot open root device "/dev/vdz9" or unknown-block(0,0): error -6',
        '[    4.483001] Please append a correct "root=" boot option; here are the available partitions:',
        "[    4.483377] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    seconds=312.0,
    bytes=400 << 20,
    log="/srv/golden/nightly/20261125T024000Z/gateway.log",
)
FAILED = RecipeOutcome(
    recipe="build.yaml",
    template="build",
    state="failed",
    exit_code=4,
    before="20261124.1-ab12cd34",
    why=("install gcc-99: its options changed",),
    error="recipes/build.yaml:7:5: the step install gcc-99 failed: command exited with status 100\n"
    "  $ apt-get install gcc-99\n  E: Unable to locate package gcc-99\nhint: is its repository in the recipe?",
    seconds=14.2,
    log="/srv/golden/nightly/20261125T024000Z/build.log",
)
SKIPPED = RecipeOutcome(
    recipe="build-arm.yaml",
    template="build-arm",
    state="skipped",
    why=("its parent build failed",),
    last_success=BEGAN - 86400,
)
IMAGES = (
    UNCHANGED,
    UNCHANGED.model_copy(update={"template": "mail", "promoted": ("stable",)}),
    REBUILT,
    UNVERIFIED,
    FAILED,
    SKIPPED,
)


def make_report(*images: RecipeOutcome, **changes: Any) -> Report:
    facts = {
        "run": "20261125T024000Z",
        "folder": "/srv/golden/recipes",
        "host": "builder1",
        "began": BEGAN,
        "seconds": 520.4,
    }
    return Report(**(facts | {"images": images} | changes))


WHOLE = make_report(
    *IMAGES,
    pruned=PruneOutcome(versions=("web:20261101.1-0a0a0a0a",), freed=431 << 20),
)

texts = st.text(max_size=30) | st.sampled_from(
    [
        '"><script>alert(1)</script>',
        "</style><img src=http://evil.example/x>",
        'a\\n"b',
        "é\udc80",
        "\x1b[31m\x07",
        "&amp;{{ 7*7 }}",
    ]
)
versions = st.none() | texts
changes = st.builds(PackageUpdate, name=texts, arch=texts, before=versions, after=versions)
images = st.builds(
    RecipeOutcome,
    recipe=texts,
    template=texts,
    state=st.sampled_from(STATES),
    before=st.none() | st.text(string.hexdigits, max_size=8),
    after=st.none() | st.text(string.hexdigits, max_size=8),
    why=st.tuples(texts),
    moved=st.tuples(st.builds(UpstreamChange, url=texts, step=texts, before=versions, after=versions)),
    warnings=st.tuples(texts),
    packages=st.tuples(changes, changes),
    error=st.none() | texts,
    console=st.tuples(texts, texts),
    actions=st.tuples(st.builds(ActionTiming, title=texts, status=st.sampled_from(["ran", "cached"]), reason=texts)),
    promoted=st.tuples(texts),
    bytes=st.none() | st.integers(0, 2**50),
    log=st.none() | texts,
    last_success=st.none() | st.floats(0, 2**33),
).map(lambda image: image.model_copy(update={"exit_code": 0 if image.state in GOOD else 4}))
reports = st.lists(images, min_size=1, max_size=5).map(
    lambda some: make_report(*some, pruned=PruneOutcome(versions=(some[0].template,), error=some[0].error))
)
