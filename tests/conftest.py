"""Real parts for the tests: one output folder, one appliance and one Debian base for the whole run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from builder import files, locks
from builder.appliance.appliance import Appliance
from builder.appliance.handle import ApplianceSettings
from builder.appliance.processors import PROCESSORS
from builder.appliance.start import start
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.layers import LayerCache
from builder.layers.work import work_folder
from builder.paths import Output
from builder.pipeline import prepare_base
from builder.pipeline.base import info_of
from builder.pipeline.journal import BuildJournal
from builder.pipeline.run import BuildRun
from builder.pipeline.session import BuildSession
from builder.plan import make_plan
from builder.recipe import load
from tests.folder_guests import FolderAppliance, folder_guest
from tests.folder_guests.trees import make_trees
from tests.guests import ElGuest, make_guests
from tests.hypervisors import Place, daemon, own_place
from tests.mounting import throw_away

# How long an example takes says something of the machine's load, and nothing of the code.
settings.register_profile("golden", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("golden")

PROJECT = Path(__file__).parent.parent
DEBIAN = PROJECT / "recipes/debian-12.yaml"
GOLDEN = Path(sys.executable).with_name("golden")

# What a shell runs in its background ignores Ctrl-C, and so would all that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Workers side by side share the processors, as the builds of a night do.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault(PROCESSORS, "1")

Golden = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let one run of the slow tests at a time have libvirtd, whose nodes and networks have names of their own."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    if not is_worker and "not slow" not in session.config.option.markexpr and not session.config.option.collectonly:
        locks.hold_to_the_end(
            Path(tempfile.gettempdir(), "golden-test-suite.lock"),
            on_wait=lambda: print("another run of the slow tests is under way; waiting for it to end", flush=True),
        )


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """The run's output folder; GOLDEN_TEST_OUTPUT names one to work on tests with, whose base is there already."""
    if named := os.environ.get("GOLDEN_TEST_OUTPUT"):
        return Output(Path(named))
    # Workers that run side by side have folders side by side, and this one together.
    own = tmp_path_factory.getbasetemp()
    return Output((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "output")


@pytest.fixture(scope="session")
def golden(output: Output) -> Golden:
    """Runs the command as a user does and returns what came of it."""

    def golden(
        *arguments: str | Path, at: Output = output, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(GOLDEN), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=PROJECT,
            env={**os.environ, "GOLDEN_OUTPUT": str(at.root), **(env or {})},
        )

    return golden


@pytest.fixture(scope="session")
def built(golden: Golden, debian_base: tuple[Path, GuestInfo]) -> dict[str, Any]:
    """The shipped Debian recipe, built: what `golden build --json` printed."""
    done = golden("build", DEBIAN, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="session")
def debian_base(output: Output) -> tuple[Path, GuestInfo]:
    """The base of the shipped Debian recipe, bootstrapped."""
    plan = make_plan(load(DEBIAN), output)
    settings = ApplianceSettings(output.appliance)
    with (
        work_folder(output) as work,
        BuildSession(settings, work, LayerCache(output.layers), print) as session,
    ):
        base = prepare_base(BuildRun(plan, output, session, BuildJournal(print)))
    return base.disk, info_of(base)


@pytest.fixture(scope="session")
def appliance(output: Output) -> Iterator[Appliance]:
    with start(ApplianceSettings(output.appliance), print) as running:
        yield running


@pytest.fixture
def fresh(output: Output, debian_base: tuple[Path, GuestInfo], tmp_path: Path) -> Output:
    """An output folder of the test's own, which shares the base and the saved appliance and has nothing else."""
    return share(output, Output(tmp_path / "output"))


@pytest.fixture
def apart(fresh: Output) -> Output:
    """An output folder whose base saw nothing: mirrors on the network are none of a test's business."""
    for marker in fresh.bases.glob("*.json"):
        record = files.read_json(marker)
        assert record is not None
        files.write_json(marker, record | {"observations": {}})
    return fresh


@pytest.fixture
def bare(output: Output, appliance: Appliance, tmp_path: Path) -> Output:
    """An output folder of the test's own, which shares the saved appliance and has nothing else."""
    return share(output, Output(tmp_path / "output"), "appliance")


def share(output: Output, own: Output, *parts: str) -> Output:
    """Give an empty output folder parts of another's cache: else the bases and the saved appliance."""
    under_way = shutil.ignore_patterns("*.tmp")
    for part in parts or ("bases", "appliance"):
        shutil.copytree(output.cache / part, own.cache / part, copy_function=os.link, ignore=under_way)
    return own


@pytest.fixture
def guest(
    appliance: Appliance, debian_base: tuple[Path, GuestInfo], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guest]:
    """A mounted Debian guest of the test's own: an overlay on the shared base."""
    with throw_away(appliance, debian_base, tmp_path_factory.mktemp("guest")) as mounted:
        yield mounted


@pytest.fixture(scope="session")
def el_guests(output: Output, appliance: Appliance) -> dict[str, ElGuest]:
    return make_guests(output.root / "guests", appliance)


@pytest.fixture(scope="session")
def centos7(el_guests: dict[str, ElGuest]) -> ElGuest:
    """A guest shaped like CentOS 7, and signed packages for it."""
    return el_guests["centos7"]


@pytest.fixture(scope="session")
def almalinux9(el_guests: dict[str, ElGuest]) -> ElGuest:
    """A guest shaped like AlmaLinux 9, and signed packages for it."""
    return el_guests["almalinux9"]


@pytest.fixture
def centos7_guest(appliance: Appliance, centos7: ElGuest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A mounted guest shaped like CentOS 7, of the test's own."""
    with throw_away(appliance, centos7.base, tmp_path_factory.mktemp("guest")) as mounted:
        yield mounted


@pytest.fixture
def almalinux9_guest(
    appliance: Appliance, almalinux9: ElGuest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guest]:
    """A mounted guest shaped like AlmaLinux 9, of the test's own."""
    with throw_away(appliance, almalinux9.base, tmp_path_factory.mktemp("guest")) as mounted:
        yield mounted


@pytest.fixture(scope="session")
def folder_appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderAppliance]:
    """An appliance that starts in milliseconds, and whose guests are folders."""
    trees = tmp_path_factory.mktemp("trees")
    make_trees(trees)
    with closing(FolderAppliance(trees, tmp_path_factory.mktemp("appliance"))) as running:
        yield running


@pytest.fixture
def folder_debian(folder_appliance: FolderAppliance) -> Iterator[Guest]:
    """A mounted guest with a Debian's files, as far as steps look at them, of the test's own."""
    with folder_guest(folder_appliance, "debian") as mounted:
        yield mounted


@pytest.fixture
def folder_centos7(folder_appliance: FolderAppliance) -> Iterator[Guest]:
    """The same with a CentOS 7's."""
    with folder_guest(folder_appliance, "centos7") as mounted:
        yield mounted


@pytest.fixture
def folder_almalinux9(folder_appliance: FolderAppliance) -> Iterator[Guest]:
    """The same with an AlmaLinux 9's."""
    with folder_guest(folder_appliance, "almalinux9") as mounted:
        yield mounted


@pytest.fixture(scope="session")
def libvirtd() -> Iterator[str]:
    """The URI of a real libvirtd."""
    with daemon() as uri:
        yield uri


@pytest.fixture
def place(libvirtd: str, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A pool and a network of the test's own; workers side by side have other addresses, by the test's module."""
    with own_place(libvirtd, sum(request.module.__name__.encode()) % 200) as found:
        yield found
