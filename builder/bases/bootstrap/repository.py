"""The rpm repositories of a recipe, and dnf's configuration for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, model_validator

from builder import digest
from builder.bases.base import BuildContext, Route
from builder.bases.download import Downloads
from builder.errors import RequestError
from builder.inputs import Matching, Sha256

URL = re.compile(r"(https?://|ftp://|file:///)[!-~]+")


class Repository(BaseModel):
    """A repository whose packages are all signed with its key."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[
        str,
        Matching(
            r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
            "must be letters, digits, dots, dashes and underscores, and start with a letter or digit",
        ),
    ] = Field(description="The repository's id for dnf.", examples=["baseos"])
    baseurl: str = Field(
        description="The repository's URL (http(s)://, ftp:// or file:///), or a folder, relative to the recipe. "
        "dnf replaces `$releasever` and `$basearch` by the release and the architecture.",
        min_length=1,
        examples=["http://mirror/almalinux/$releasever/BaseOS/$basearch/os"],
    )
    gpgkey: str = Field(
        description="The public keys that sign its packages: a file, relative to the recipe, or an http(s) URL.",
        min_length=1,
    )
    sha256: Sha256 | None = Field(default=None, description="SHA-256 of the key file; required for a URL.")

    @model_validator(mode="after")
    def _addresses(self) -> Repository:
        if "://" in self.baseurl and not URL.fullmatch(self.baseurl):
            raise ValueError(
                "a baseurl must start with http://, https://, ftp:// or file:///, and must not contain spaces"
            )
        if not self.baseurl.isprintable():
            raise ValueError("a baseurl must be one line of printable characters")
        if self.has_key_url and self.sha256 is None:
            raise ValueError("a gpgkey from a URL needs `sha256:`, so that golden can verify it")
        if "://" in self.gpgkey and not self.has_key_url:
            raise ValueError("the URL of a gpgkey must start with http:// or https://")
        return self

    @property
    def has_key_url(self) -> bool:
        return self.gpgkey.startswith(("http://", "https://"))

    def find_bad_files(self, folder: Path) -> Iterator[tuple[Route, str]]:
        """The problems with its folder and its key file."""
        if "://" not in self.baseurl and "$" not in self.baseurl:
            path = folder / self.baseurl
            if not path.is_dir():
                yield ("baseurl",), f"no such folder: {path}"
            elif not (path / "repodata/repomd.xml").is_file():
                yield ("baseurl",), f"not a repository: {path} has no repodata/repomd.xml"
        if not self.has_key_url and not (folder / self.gpgkey).is_file():
            yield ("gpgkey",), f"no such file: {folder / self.gpgkey}"

    def identity(self, folder: Path) -> dict[str, object]:
        """What identifies it in the base's key. Raises RequestError if the key file cannot be read."""
        return {"id": self.id, "baseurl": self.baseurl, "gpgkey": self.sha256 or self._digest(folder)}

    def _digest(self, folder: Path) -> str:
        try:
            return digest.of_file(folder / self.gpgkey)
        except OSError as error:
            raise RequestError(f"cannot read the gpgkey of the repository {self.id}", details=str(error)) from error

    def key(self, context: BuildContext) -> bytes:
        """The public keys. Raises RequestError, or HostError if the server does not answer."""
        if self.has_key_url:
            assert self.sha256 is not None
            return Downloads(context.downloads).fetch(self.gpgkey, self.sha256, context.emit).read_bytes()
        file = context.request.folder / self.gpgkey
        found = self._digest(context.request.folder)
        if self.sha256 not in (None, found):
            raise RequestError(
                f"the gpgkey of the repository {self.id} does not match the recipe's sha256: {file}",
                details=f"sha256 in the recipe: {self.sha256}\nsha256 of the file:   {found}",
                hint="restore the file if it is damaged, or correct `sha256:` in the recipe",
            )
        return file.read_bytes()

    def _url(self, folder: Path) -> str:
        if "://" in self.baseurl:
            return self.baseurl
        return "file://" + quote(str((folder / self.baseurl).resolve()), "/$")

    def index(self, folder: Path, release: str, arch: str) -> str:
        """The URL of its index, which changes whenever one of its packages does."""
        url = self._url(folder).rstrip("/")
        for name, value in (("releasever", release), ("basearch", arch), ("arch", arch)):
            url = url.replace(f"${{{name}}}", value).replace(f"${name}", value)
        return f"{url}/repodata/repomd.xml"

    def section(self, folder: Path, key: Path) -> str:
        """Its section of dnf's configuration; `key` is the file with its public keys."""
        options = {
            "name": self.id,
            "baseurl": self._url(folder),
            "enabled": "1",
            "gpgcheck": "1",
            "gpgkey": f"file://{quote(str(key))}",
        }
        return f"[{self.id}]\n" + "".join(f"{name}={value}\n" for name, value in options.items())
