from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from builder.guest.bls import split_arguments
from builder.guest.bootloader import assign, find_assignments

NAME = "GRUB_CMDLINE_LINUX"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('A=1\nGRUB_CMDLINE_LINUX=""\nB=2\n', 'A=1\nGRUB_CMDLINE_LINUX="new"\nB=2\n'),
        ("GRUB_CMDLINE_LINUX=quiet\n", 'GRUB_CMDLINE_LINUX="new"\n'),
        ("GRUB_CMDLINE_LINUX='quiet \"x y\"' # why\n", 'GRUB_CMDLINE_LINUX="new" # why\n'),
        ('GRUB_CMDLINE_LINUX="a \\"b\\" c"\n', 'GRUB_CMDLINE_LINUX="new"\n'),
        ("GRUB_CMDLINE_LINUX=\n", 'GRUB_CMDLINE_LINUX="new"\n'),
        ("GRUB_CMDLINE_LINUX=1\nGRUB_CMDLINE_LINUX=2", 'GRUB_CMDLINE_LINUX=1\nGRUB_CMDLINE_LINUX="new"\n'),
        # Only comments and other variables: added at the end.
        (
            '#GRUB_CMDLINE_LINUX=x\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"',
            '#GRUB_CMDLINE_LINUX=x\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="new"\n',
        ),
        # Other assignments stay; the added one overrides them.
        (
            'GRUB_CMDLINE_LINUX="a\nb"\n',
            'GRUB_CMDLINE_LINUX="a\nb"\nGRUB_CMDLINE_LINUX="new"\n',
        ),
        (
            "GRUB_CMDLINE_LINUX=1\nGRUB_CMDLINE_LINUX+=2\n",
            'GRUB_CMDLINE_LINUX=1\nGRUB_CMDLINE_LINUX+=2\nGRUB_CMDLINE_LINUX="new"\n',
        ),
        (
            "if true; then\n  GRUB_CMDLINE_LINUX=1\nfi\n",
            'if true; then\n  GRUB_CMDLINE_LINUX=1\nfi\nGRUB_CMDLINE_LINUX="new"\n',
        ),
        ("", 'GRUB_CMDLINE_LINUX="new"\n'),
    ],
)
def test_assign(before: str, after: str) -> None:
    assert assign(before, NAME, "new") == after


@pytest.mark.parametrize("value", ["", "a b=c,d", 'dyndbg="file a.c +p"', "x=$y", "it's `so`\\"])
def test_the_shell_reads_what_was_assigned(value: str, tmp_path: Path) -> None:
    (tmp_path / "grub").write_text(assign('GRUB_CMDLINE_LINUX="old"\n', NAME, value))
    read = subprocess.run(
        ["sh", "-c", f'. {tmp_path}/grub; printf %s "${NAME}"'], capture_output=True, text=True, check=True
    )
    assert read.stdout == value


def test_find_assignments() -> None:
    assert find_assignments(f"{NAME}=1\n# {NAME}=2\n{NAME}_DEFAULT=3\nexport {NAME}=4\nMY_{NAME}=5\n", NAME) == [0, 3]


def test_split_arguments() -> None:
    assert split_arguments('  ro quiet  dyndbg="file a.c +p" console=ttyS0,115200n8') == [
        "ro",
        "quiet",
        'dyndbg="file a.c +p"',
        "console=ttyS0,115200n8",
    ]
