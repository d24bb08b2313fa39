"""Signs versions with minisign. The signature covers SHA256SUMS, and so every file of the version.

The signature is stored beside the version, which never changes. Its signed trusted comment names
template and version, so that it is not valid for another version.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from builder import digest, files, process
from builder.errors import CommandError, HostError, RequestError, VerifyError
from builder.store import Version

PUBLIC_KEY = re.compile(r"RW[A-Za-z0-9+/]{54}")
"""A public key: the last line of its file."""

LINE = re.compile(r"([0-9a-f]{64})  ([^/]+)")
"""A line of SHA256SUMS."""


def sign(version: Version, key: Path) -> Path:
    """Sign a version with the secret key in a file, which must have no password. Returns the signature's file.

    Raises RequestError for an unusable key, VerifyError if files of the version are missing or changed,
    and HostError if minisign is missing or the signature cannot be written.
    """
    if not key.is_file():
        raise RequestError(
            f"no such secret key file: {key}", hint="run `minisign -G -W -s KEY -p KEY.pub` to create a key pair"
        )
    check_files(version)
    target = version.signature_file
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(exist_ok=True)
        arguments = ["-m", str(version.checksums_file), "-x", str(staged), "-t", comment_of(version)]
        process.run([_minisign(), "-S", "-s", str(key), *arguments])
        files.move(staged, target)
    except CommandError as error:
        raise RequestError(
            f"cannot sign with {key}",
            details=error.output,
            hint="use a minisign secret key without a password; run `minisign -C -W -s KEY` to remove one",
        ) from error
    except OSError as error:
        raise HostError(f"cannot write the signature of {version}", details=str(error)) from error
    finally:
        staged.unlink(missing_ok=True)
    return target


def verify(version: Version, key: str) -> None:
    """Check that a version is signed with a key, and that its files are unchanged.

    `key` is a public key, or a file that contains one. Raises VerifyError if a check fails, RequestError for
    an invalid key.
    """
    key_option = _public_key(key)
    signature = version.signature_file
    if not signature.is_file():
        raise VerifyError(f"{version} is not signed", hint=f"run `golden sign {version} --key SECRET_KEY`")
    try:
        comment = process.run(
            [_minisign(), "-V", "-Q", *key_option, "-m", str(version.checksums_file), "-x", str(signature)]
        )
    except CommandError as error:
        raise VerifyError(
            f"the signature of {version} does not match this key and these files",
            where=str(signature),
            details=error.output,
            hint="check the key; if it is the right one, the files have changed: rebuild the template",
        ) from error
    if comment.strip() != comment_of(version):
        raise VerifyError(
            f"the signature of {version} belongs to another version",
            where=str(signature),
            details=f"its trusted comment is: {comment.strip()}",
        )
    check_files(version)


def comment_of(version: Version) -> str:
    """The trusted comment in a version's signature."""
    return f"golden {version}"


def check_files(version: Version) -> None:
    """Check that a version has exactly the files in its SHA256SUMS, unchanged. Raises VerifyError."""
    where = str(version.folder)
    try:
        lines = version.checksums_file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VerifyError(f"cannot read the checksums of {version}", where=where, details=str(error)) from error
    listed = {found[2]: found[1] for line in lines if (found := LINE.fullmatch(line))}
    present = {path.name for path in version.folder.iterdir()} - {version.checksums_file.name}
    problems = [f"{name}: not in SHA256SUMS" for name in sorted(present - listed.keys())]
    problems += [f"{name}: missing" for name in sorted(listed.keys() - present)]
    if len(listed) != len(lines):
        problems.append("SHA256SUMS: damaged")
    problems += [
        f"{name}: changed"
        for name in sorted(listed.keys() & present)
        if not _matches(version.folder / name, listed[name])
    ]
    if problems:
        raise VerifyError(
            f"{version} has changed since it was published",
            where=where,
            details="\n".join(problems),
            hint="do not use it; rebuild the template",
        )


def _matches(path: Path, sha256: str) -> bool:
    try:
        return digest.of_file(path) == sha256
    except OSError as error:
        raise HostError(f"cannot read {path}", details=str(error)) from error


def _public_key(key: str) -> list[str]:
    """The minisign option for a public key or its file. Raises RequestError."""
    if PUBLIC_KEY.fullmatch(key):
        return ["-P", key]
    try:
        lines = Path(key).read_text().splitlines()
    except (OSError, ValueError) as error:
        raise RequestError(f"cannot read the public key: {key}", details=str(error)) from error
    if not any(PUBLIC_KEY.fullmatch(line) for line in lines):
        raise RequestError(f"not a minisign public key: {key}", hint="give the file KEY.pub, or its last line")
    return ["-p", key]


def _minisign() -> str:
    return process.find_tool("minisign", package="minisign")
