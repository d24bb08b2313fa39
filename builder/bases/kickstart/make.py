"""Running the install that a kickstart base asks for."""

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
from builder.bases.kickstart.serve import served
from builder.errors import CommandError, GoldenError, HostError, RecipeError, RequestError
from builder.events import Emit, Event, Notice, OutputLine
from builder.install_trees.tree import InstallTree, open_tree
from builder.installer import InstallOrder, install, seen_from_installer

MEMORY = 3 << 30
"""Bytes of the installer's machine: an installer from the network keeps its whole system there."""

CONSOLE = "console=ttyS0,115200"

HIDDEN = "***"
"""What stands for a secret in all that is said."""


def make(kickstart: Kickstart, answers: Answers, context: BuildContext, target: Path) -> None:
    """Install onto a new disk at `target`. Raises GoldenError, in which no secret's text stands."""
    firmware = context.request.firmware
    secrets = kickstart.reveal_secrets()
    # An installer shows its kernel's arguments, and with them the tree's URL.
    password = urlsplit(kickstart.tree or "").password
    with hidden([*secrets.values(), password or ""], context.emit) as emit, ExitStack() as serving:
        source = kickstart.iso or kickstart.tree
        assert source is not None
        address = kickstart.address
        if folder := kickstart.folder:
            address = Address(seen_from_installer(serving.enter_context(served(folder))))
        rendered = answers.render(secrets, firmware, address)
        # With the secrets themselves it may be another text than the one that was checked.
        if problems := list(answers.find_flaws(rendered)):
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
    """Raises RequestError where the tree is for another kind of installer, or of machine."""
    is_debian = tree.treeinfo_path is None
    if is_debian != kickstart.is_preseed:
        one, other = ("kickstart", "preseed file") if is_debian else ("preseed file", "kickstart")
        family = tree.info.family
        raise RequestError(
            f"{kickstart.file.name} is a {one}, and the tree is one of {family} {tree.info.version}: {tree}",
            hint=f"the installer of {family} takes a {other}; a preseed file has preseed in its name",
        )
    tree.boot_files(ARCH)


def create_disk(disk: Path, size: int) -> None:
    """An empty qcow2 of `size` bytes. Raises HostError."""
    try:
        disks.create(disk, size)
    except CommandError as error:
        raise HostError(
            "the disk to install on could not be made",
            details=error.details,
            hint="is there space in the output folder?",
        ) from error


def arguments(kickstart: Kickstart, address: Address | None) -> Iterator[str]:
    """What the installer's kernel is told; installers read it as well."""
    if kickstart.is_preseed:
        # Nothing but what has no answer is asked, in plain lines, which a log can hold.
        yield from ("auto=true", "priority=critical", "file=/preseed.cfg", "DEBIAN_FRONTEND=text")
    else:
        yield "inst.ks=file:/ks.cfg"
        yield f"inst.repo={address or 'cdrom'}"
        if address:
            yield "ip=dhcp"
        # No copy of the answers, with their secrets, stays on the disk.
        yield from ("inst.text", "inst.cmdline", "inst.nosave=all_ks")
    # The network card has the name here that it has in the installed system.
    yield from ("net.ifnames=0", "biosdevname=0", CONSOLE)
    yield from kickstart.arguments


@contextmanager
def hidden(secrets: Iterable[str], emit: Emit) -> Iterator[Emit]:
    """Hear events, and let errors through, without the secrets' texts in them."""
    # The longest first: one may be part of another.
    words = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def hide(text: str) -> str:
        for word in words:
            text = text.replace(word, HIDDEN)
        return text

    def hear(event: Event) -> None:
        if isinstance(event, OutputLine):
            event = OutputLine(hide(event.line))
        elif isinstance(event, Notice):
            event = replace(event, text=hide(event.text))
        emit(event)

    try:
        yield hear
    except RecipeError as error:
        raise RecipeError([replace(problem, message=hide(problem.message)) for problem in error.problems]) from None
    except GoldenError as error:
        error.message, error.details = hide(error.message), error.details and hide(error.details)
        raise
