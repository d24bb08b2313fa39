from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field, model_validator

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.steps.step import KeyFile, Step, key_suffix

_EXAMPLE = """\
repo:
  id: backports
  suite: bookworm-backports
  components: [main, contrib]
"""

_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9.][A-Za-z0-9_.+~/-]*$")]


class Repo(Step, name="repo", version=1, families={"debian"}, example=_EXAMPLE):
    """Add a package repository, and fetch its index at once, so that a wrong address or key is found here."""

    id: str = Field(description="Name of the repository's files in the guest.", pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    uri: str | None = Field(
        default=None,
        description="Address of the repository; left out, the one that the guest's own packages come from.",
        pattern=r"^[a-z][a-z0-9+.-]*:[^\s#]+$",
    )
    suite: _Word = Field(description="Suite, or for a flat repository its folder, which ends in a slash.")
    components: list[_Word] = Field(
        default=["main"], description="Components of the suite; an empty list for a flat repository."
    )
    key: KeyFile | None = Field(
        default=None,
        description="File with the public key that signs the repository, trusted for it alone;"
        " left out, the keys that the guest trusts already.",
    )

    @model_validator(mode="after")
    def _suite_or_folder(self) -> Repo:
        if self.suite.endswith("/") and self.components:
            raise ValueError("a suite that ends in a slash has no components: give `components: []`")
        if not self.suite.endswith("/") and not self.components:
            raise ValueError("give at least one component")
        return self

    @property
    def _source_path(self) -> str:
        return f"/etc/apt/sources.list.d/{self.id}.sources"

    @property
    def _key_path(self) -> str | None:
        return f"/etc/apt/keyrings/{self.id}.{key_suffix(self.key.read_bytes())}" if self.key else None

    def _source(self, uri: str) -> dict[str, str]:
        """The fields of the deb822 file."""
        fields = {"Types": "deb", "URIs": uri, "Suites": self.suite}
        if self.components:
            fields["Components"] = " ".join(self.components)
        if self._key_path:
            fields["Signed-By"] = self._key_path
        return fields

    def apply(self, guest: Guest) -> None:
        uri = self.uri or _find_mirror(guest)
        if self.key and self._key_path:
            guest.write(self._key_path, self.key.read_bytes(), mode=0o644, owner="0:0")
        text = "".join(f"{name}: {value}\n" for name, value in self._source(uri).items())
        guest.write(self._source_path, text, mode=0o644, owner="0:0")
        manager = packages.of(guest)
        manager.forget_index()
        manager.refresh()
        self._require_use(guest, uri)

    def _require_use(self, guest: Guest, uri: str) -> None:
        """apt only warns of a component that a suite does not have: read what the suite says of itself."""
        suite = f"{uri.rstrip('/')}/{self.suite}" if not self.components else f"{uri.rstrip('/')}/dists/{self.suite}"
        names = [packages.index_file(f"{suite.rstrip('/')}/{name}") for name in ("InRelease", "Release")]
        fetched = next((path for name in names if guest.is_file(path := f"/var/lib/apt/lists/{name}")), None)
        if fetched is None:
            raise GuestError(f"apt makes no use of the repository {self.id}")
        offered = _fields(guest.read(fetched)).get("Components", " ".join(self.components)).split()
        # A suite may write a component as updates/main, which apt also knows as main.
        known = {*offered, *(component.rpartition("/")[2] for component in offered)}
        if missing := [component for component in self.components if component not in known]:
            raise GuestError(
                f"the suite {self.suite} has no component {' '.join(missing)}", hint=f"it has {' '.join(offered)}"
            )

    def check(self, guest: Guest) -> Iterator[Finding]:
        written = _fields(guest.read(self._source_path)) if guest.is_file(self._source_path) else {}
        uri = self.uri or written.get("URIs", "")
        if uri and written == self._source(uri):
            yield Finding(True, f"{self._source_path} names {uri} {self.suite}")
        else:
            yield Finding(False, f"{self._source_path} does not say what it should")
        if self.key and self._key_path:
            same = guest.is_file(self._key_path) and guest.read_bytes(self._key_path) == self.key.read_bytes()
            yield Finding(same, f"{self._key_path} {'holds' if same else 'does not hold'} the key {self.key.name}")

    def kept_paths(self) -> Iterable[str]:
        yield self._source_path
        if self._key_path:
            yield self._key_path


def _fields(paragraph: str) -> dict[str, str]:
    """The fields of one deb822 paragraph."""
    lines = (line.split(":", 1) for line in paragraph.splitlines() if ":" in line and line[0] not in "# \t")
    return {name: value.strip() for name, value in lines}


def _find_mirror(guest: Guest) -> str:
    """The first address that the guest's packages come from. Raises GuestError where there is none."""
    for path in guest.glob("/etc/apt/sources.list", "/etc/apt/sources.list.d/*"):
        text = guest.read(path)
        if path.endswith(".sources"):
            for paragraph in text.split("\n\n"):
                fields = _fields(paragraph)
                if fields.get("URIs") and fields.get("Enabled") != "no":
                    return fields["URIs"].split()[0]
        elif path.endswith(".list"):
            for line in text.splitlines():
                words = line.partition("]")[2].split() if "[" in line else line.split()[1:]
                if line.startswith("deb ") and words:
                    return words[0]
    raise GuestError("the guest has no repository whose address this one could share", hint="give `uri:`")
