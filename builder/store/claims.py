"""The parent versions of running builds, so that prune does not remove them.

::

    output/work/NAME.lock      held by the build of that recipe
    output/work/NAME.parent    the version that it is based on; meaningless once the lock is free
"""

from __future__ import annotations

from builder import files, locks
from builder.errors import HostError, RequestError
from builder.paths import Output
from builder.store.store import Store, Version


def claim(name: str, parent: Version | None, output: Output) -> None:
    """Record the parent of a build; the caller holds the lock of the recipe `name`.

    Raises RequestError if the parent was removed meanwhile, and HostError.
    """
    record = output.work / f"{name}.parent"
    try:
        if parent is None:
            record.unlink(missing_ok=True)
            return
        # Versions are removed under this lock: either prune sees the claim, or we see the version gone.
        with Store(output.templates).locked(parent.template):
            files.write_json(record, {"template": parent.template, "version": parent.name})
            if not parent.manifest_file.is_file():
                raise RequestError(
                    f"the parent {parent} was removed while the build started", hint="run the same build again"
                )
    except OSError as error:
        raise HostError(
            f"cannot write {record}, which records the version that {name} is based on",
            details=str(error),
            hint=f"check the free space and the permissions of {record.parent}",
        ) from error


def claims(output: Output) -> dict[str, tuple[str, str] | None]:
    """The template and version that each running build is based on, by recipe; None without a parent.

    Raises HostError.
    """
    found: dict[str, tuple[str, str] | None] = {}
    for file in sorted(output.work.glob("[!.]*.lock")):
        try:
            lock = locks.try_hold(file)
        except OSError as error:
            raise HostError(
                f"cannot open the lock file {file}, so golden cannot tell whether a build is running",
                details=str(error),
                hint="check the owner and the permissions of this file",
            ) from error
        if lock:
            lock.release()
            continue
        record = files.read_json(file.with_suffix(".parent")) or {}
        template, version = record.get("template"), record.get("version")
        named = isinstance(template, str) and isinstance(version, str)
        found[file.stem] = (str(template), str(version)) if named else None
    return found
