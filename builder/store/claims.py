"""What builds under way stand on, so that nobody removes it meanwhile.

::

    output/work/NAME.lock      held by the build of that recipe
    output/work/NAME.parent    the version that it stands on; means nothing once the lock is free
"""

from __future__ import annotations

from builder import files, locks
from builder.errors import HostError, RequestError
from builder.paths import Output
from builder.store.store import Store, Version


def claim(name: str, parent: Version | None, output: Output) -> None:
    """Write down what the build of a recipe, whose lock the caller holds, stands on.

    Raises RequestError where that was removed just now, and HostError.
    """
    record = output.work / f"{name}.parent"
    try:
        if parent is None:
            record.unlink(missing_ok=True)
            return
        # The lock under which versions are removed: either they see the claim, or it sees them gone.
        with Store(output.templates).locked(parent.template):
            files.write_json(record, {"template": parent.template, "version": parent.name})
            if not parent.manifest_file.is_file():
                raise RequestError(f"{parent} was removed just now", hint="build again")
    except OSError as error:
        raise HostError("what the build stands on cannot be written down", details=str(error)) from error


def claims(output: Output) -> dict[str, tuple[str, str] | None]:
    """The recipes that are being built, and the template and version on which each stands. Raises HostError."""
    found: dict[str, tuple[str, str] | None] = {}
    for file in sorted(output.work.glob("[!.]*.lock")):
        try:
            lock = locks.try_hold(file)
        except OSError as error:
            raise HostError(f"cannot tell whether a build is under way: {file}", details=str(error)) from error
        if lock:
            lock.release()
            continue
        record = files.read_json(file.with_suffix(".parent")) or {}
        template, version = record.get("template"), record.get("version")
        named = isinstance(template, str) and isinstance(version, str)
        found[file.stem] = (str(template), str(version)) if named else None
    return found
