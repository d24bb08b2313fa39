"""Running the unattended install of a kickstart base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from builder import disks
from builder.bases.base import BuildContext
from builder.bases.kickstart.address import Address
from builder.bases.kickstart.answers import Answers
from builder.bases.kickstart.model import ARCH, SIZE, Kickstart
from builder.bases.kickstart.serve import serve_folder
from builder.errors import CommandError, GoldenError, HostError, RecipeError, RequestError
from builder.events import Emit, Event, Notice, OutputLine
from builder.install_trees.tree import InstallTree, open_tree
from builder.installer import InstallOrder, install, seen_from_installer
from builder.sizes import write_hint

MEMORY = 3 << 30
"""The memory of the installer's machine in bytes: a network installer keeps its whole system there."""

CONSOLE = "console=ttyS0,115200"

MASK = "***"
"""Replaces secrets in the output."""


def make(kickstart: Kickstart, answers: Answers, context: BuildContext, target: Path) -> None:
    """Install onto a new disk at `target`. Raises GoldenError, which contains no secrets."""
    firmware = context.request.firmware
    secrets = kickstart.reveal_secrets()
    # Installers print their kernel arguments, and with them the URL of the tree.
    password = urlsplit(kickstart.tree or "").password
    with hide_secrets([*secrets.values(), password or ""], context.emit) as emit, ExitStack() as serving:
        source = kickstart.iso or kickstart.tree
        assert source is not None
        address = kickstart.address
        if folder := kickstart.folder:
            address = Address(seen_from_installer(serving.enter_context(serve_folder(folder))))
        rendered = answers.render(secrets, firmware, address)
        # The secrets may make the text invalid, although it was valid with placeholders.
        if problems := list(answers.find_problems(rendered)):
            raise RecipeError(problems)
        boot = [context.work / "kernel", context.work / "initrd"]
        try:
            with open_tree(source) as tree:
                check_tree(kickstart, tree)
                emit(Notice(f"fetching the installer of {tree.info.family} {tree.info.version}"))
                for path, file in zip(tree.boot_files(ARCH), boot, strict=True):
                    tree.fetch(path, file, emit)
            create_disk(target, context.request.size or SIZE)
            name = "preseed.cfg" if kickstart.is_preseed else "ks.cfg"
            order = InstallOrder(
                kernel=boot[0],
                initrd=boot[1],
                arguments=tuple(arguments(kickstart, address)),
                inject={name: rendered.text.encode()},
                disk=target,
                work=context.work,
                media=(kickstart.iso,) if kickstart.iso else (),
                firmware=firmware,
                memory=MEMORY,
                limits=context.limits,
            )
            install(order, emit)
        finally:
            for file in boot:
                file.unlink(missing_ok=True)


def check_tree(kickstart: Kickstart, tree: InstallTree) -> None:
    """Refuse a tree for another kind of installer or another architecture. Raises RequestError."""
    is_debian = tree.treeinfo_path is None
    if is_debian != kickstart.is_preseed:
        actual, needed = ("kickstart", "preseed file") if is_debian else ("preseed file", "kickstart")
        family = tree.info.family
        raise RequestError(
            f"{kickstart.file.name} is a {actual}, but the tree has {family} {tree.info.version}: {tree}",
            hint=f"use a {needed} with {family}; golden recognizes a preseed file by the word preseed in its name",
        )
    tree.boot_files(ARCH)


def create_disk(disk: Path, size: int) -> None:
    """Create an empty qcow2 of `size` bytes. Raises HostError."""
    try:
        disks.create(disk, size)
    except CommandError as error:
        raise HostError(
            f"cannot create the disk for the installation: {disk}",
            details=error.details,
            hint=write_hint(disk.parent),
        ) from error


def arguments(kickstart: Kickstart, address: Address | None) -> Iterator[str]:
    """The arguments for the installer's kernel, which the installer reads, too."""
    if kickstart.is_preseed:
        # The installer asks only questions that have no answer, in plain lines that a log can show.
        yield from ("auto=true", "priority=critical", "file=/preseed.cfg", "DEBIAN_FRONTEND=text")
    else:
        yield "inst.ks=file:/ks.cfg"
        yield f"inst.repo={address or 'cdrom'}"
        if address:
            yield "ip=dhcp"
        # Leave no copy of the kickstart, with its secrets, on the disk.
        yield from ("inst.text", "inst.cmdline", "inst.nosave=all_ks")
    # Give the network card the same name as in the installed system.
    yield from ("net.ifnames=0", "biosdevname=0", CONSOLE)
    yield from kickstart.arguments


@contextmanager
def hide_secrets(secrets: Iterable[str], emit: Emit) -> Iterator[Emit]:
    """Replace secrets in events and in errors."""
    # The longest first, because one secret may be part of another.
    words = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def hide(text: str) -> str:
        for word in words:
            text = text.replace(word, MASK)
        return text

    def emit_hidden(event: Event) -> None:
        if isinstance(event, OutputLine):
            event = OutputLine(hide(event.line))
        elif isinstance(event, Notice):
            event = replace(event, text=hide(event.text))
        emit(event)

    try:
        yield emit_hidden
    except RecipeError as error:
        raise RecipeError([replace(problem, message=hide(problem.message)) for problem in error.problems]) from None
    except GoldenError as error:
        error.message, error.details = hide(error.message), error.details and hide(error.details)
        raise
