"""Run every case of a step on a folder, and some on a real disk."""

from __future__ import annotations

import posixpath
from pathlib import Path

import pytest

from builder.guest.guest import Guest
from tests.folder_guests import Change, changes
from tests.steps.case import Case, Files, load_cases, put, read, same

LOADED = load_cases()
REAL = {"debian": "guest", "centos7": "centos7_guest", "almalinux9": "almalinux9_guest"}


def differences(expected: Files, found: Files) -> dict[str, object]:
    """Return the differences by path: what was found, and what was expected."""
    return {
        path: (found.get(path), expected.get(path))
        for path in sorted(expected.keys() | found.keys())
        if not same(found.get(path), expected.get(path))
    }


def test_titles_are_unique() -> None:
    names = [(case.step, case.case) for case in LOADED]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", LOADED, ids=lambda case: f"{case.step}: {case.case}")
def test_on_a_folder(case: Case, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    guest: Guest = request.getfixturevalue(f"folder_{case.family}")
    case.play(guest, tmp_path)
    # Compare the whole guest: everything that the case does not mention must be unchanged.
    found: Files = {path: None if change.kind == "gone" else change for path, change in changes(guest).items()}
    assert differences(case.expected, without_plain_parents(found, case.expected)) == {}


def without_plain_parents(
    found: dict[str, Change | None], expected: dict[str, Change | None]
) -> dict[str, Change | None]:
    """Leave out the folders that were created for the expected files."""
    plain = Change("folder", 0o755, 0, 0, b"")
    parents = {parent for path, file in expected.items() if file for parent in parents_of(path)}
    return {path: file for path, file in found.items() if file != plain or path in expected or path not in parents}


def parents_of(path: str) -> list[str]:
    found = []
    while path != "/":
        path = posixpath.dirname(path)
        found.append(path)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("family", REAL)
def test_on_a_real_disk(family: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    guest: Guest = request.getfixturevalue(REAL[family])
    cases = [case for case in LOADED if case.real and case.family == family]
    assert cases
    for number, case in enumerate(cases):
        guest.remove(*guest.glob("/srv/*"))
        (tmp_path / str(number)).mkdir()
        first = {path: read(guest, path) for path in case.expected}
        try:
            case.play(guest, tmp_path / str(number))
            assert differences(case.expected, {path: read(guest, path) for path in case.expected}) == {}
        except BaseException as error:
            error.add_note(f"in the case {case.step}: {case.case}")
            raise
        put(guest, first)
