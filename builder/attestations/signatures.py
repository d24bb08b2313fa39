"""Signatures of versions, by minisign: a key vouches for SHA256SUMS, and so for every file of the version.

A signature lies beside the version, which is never changed. Its trusted comment, which it covers,
names template and version: it is no other version's.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from builder import digest, files, process
from builder.errors import CommandError, HostError, RequestError, VerifyError
from builder.store import Version

PUBLIC_KEY = re.compile(r"RW[A-Za-z0-9+/]{54}")
"""A public key as the last line of its file has it."""

LINE = re.compile(r"([0-9a-f]{64})  ([^/]+)")
"""A line of SHA256SUMS."""


def sign(version: Version, key: Path) -> Path:
    """Sign a version with the secret key in a file, which has no password; the signature's file.

    Raises RequestError for a key that cannot be used, VerifyError for a version that is not whole, and
    HostError where there is no minisign or the signature cannot be written.
    """
    if not key.is_file():
        raise RequestError(f"no such key file: {key}", hint="minisign -G -W -s KEY -p KEY.pub makes a pair")
    check_files(version)
    target = version.signature_file
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(exist_ok=True)
        what = ["-m", str(version.checksums_file), "-x", str(staged), "-t", comment_of(version)]
        process.run([_minisign(), "-S", "-s", str(key), *what])
        files.move(staged, target)
    except CommandError as error:
        raise RequestError(
            f"cannot sign with {key}",
            details=error.output,
            hint="it must be a secret key of minisign's without a password: minisign -C -W -s KEY takes it away",
        ) from error
    except OSError as error:
        raise HostError(f"the signature of {version} could not be written", details=str(error)) from error
    finally:
        staged.unlink(missing_ok=True)
    return target


def verify(version: Version, key: str) -> None:
    """Prove that the owner of a public key, in a file or as text, vouched for all that is in a version.

    Raises VerifyError where that is not so, RequestError for what is no public key.
    """
    given = _public_key(key)
    signature = version.signature_file
    if not signature.is_file():
        raise VerifyError(f"{version} is not signed", hint=f"`golden sign {version} --key SECRET_KEY` signs it")
    try:
        said = process.run([_minisign(), "-V", "-Q", *given, "-m", str(version.checksums_file), "-x", str(signature)])
    except CommandError as error:
        raise VerifyError(
            f"the signature of {version} is not that key's, or not of these files",
            where=str(signature),
            details=error.output,
            hint="it was signed with another key, or changed since; build it anew if nobody can tell",
        ) from error
    if said.strip() != comment_of(version):
        raise VerifyError(
            f"the signature of {version} is another version's",
            where=str(signature),
            details=f"it was made for: {said.strip()}",
        )
    check_files(version)


def comment_of(version: Version) -> str:
    """The trusted comment of a version's signature."""
    return f"golden {version}"


def check_files(version: Version) -> None:
    """Prove that a version has the files that its SHA256SUMS names, unchanged, and no others. Raises VerifyError."""
    where = str(version.folder)
    try:
        lines = version.checksums_file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VerifyError(f"{version} has no list of its files", where=where, details=str(error)) from error
    named = {found[2]: found[1] for line in lines if (found := LINE.fullmatch(line))}
    there = {path.name for path in version.folder.iterdir()} - {version.checksums_file.name}
    wrong = [f"{name}: not in SHA256SUMS" for name in sorted(there - named.keys())]
    wrong += [f"{name}: missing" for name in sorted(named.keys() - there)]
    if len(named) != len(lines):
        wrong.append("SHA256SUMS: damaged")
    wrong += [
        f"{name}: changed" for name in sorted(named.keys() & there) if not _is(version.folder / name, named[name])
    ]
    if wrong:
        raise VerifyError(
            f"{version} is not as it was published",
            where=where,
            details="\n".join(wrong),
            hint="do not use it; build it anew",
        )


def _is(path: Path, sha256: str) -> bool:
    try:
        return digest.of_file(path) == sha256
    except OSError as error:
        raise HostError(f"cannot read {path}", details=str(error)) from error


def _public_key(key: str) -> list[str]:
    """minisign's option for a public key. Raises RequestError."""
    if PUBLIC_KEY.fullmatch(key):
        return ["-P", key]
    try:
        lines = Path(key).read_text().splitlines()
    except (OSError, ValueError) as error:
        raise RequestError(f"no such public key: {key}", details=str(error)) from error
    if not any(PUBLIC_KEY.fullmatch(line) for line in lines):
        raise RequestError(f"not a public key of minisign's: {key}", hint="it is the file KEY.pub, or its last line")
    return ["-p", key]


def _minisign() -> str:
    return process.find_tool("minisign", package="minisign")
