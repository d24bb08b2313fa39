from __future__ import annotations

import configparser
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field, model_validator

from builder import deb822
from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.guest.info import Family
from builder.inputs import Matching
from builder.steps.step import KeyFile, Step, key_suffix

_EXAMPLE = """\
repo:
  id: backports
  suite: bookworm-backports
  components: [main, contrib]
"""

_Word = Annotated[
    str,
    Matching(
        r"^[A-Za-z0-9.][A-Za-z0-9_.+~/-]*$",
        "must be one word of letters, digits and . _ + ~ / -, and start with a letter, a digit or a dot",
    ),
]
_Url = Annotated[str, Matching(r"^[a-z][a-z0-9+.-]*:[^\s#]+$", "must be a URL, such as http://…, without spaces or #")]

RPM_KEYS = "/etc/pki/rpm-gpg"


class Repo(Step, name="repo", version=1, example=_EXAMPLE):
    """Add a package repository, and fetch its index at once, so that a wrong address or key is found here.

    Guests with apt take `suite`, guests with rpm `baseurl`, with their own variables as in
    `http://mirror/$releasever/$basearch`. Where the recipe has `media`, nothing is fetched.
    """

    id: Annotated[
        str,
        Matching(
            r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
            "must be letters, digits, dots, dashes and underscores, and start with a letter or digit",
        ),
    ] = Field(description="The repository's id, and name of its files in the guest.")
    uri: _Url | None = Field(
        default=None,
        description="apt: address of the repository; left out, the one that the guest's own packages come from.",
    )
    suite: _Word | None = Field(
        default=None, description="apt: suite, or for a flat repository its folder, which ends in a slash."
    )
    components: list[_Word] | None = Field(
        default=None,
        description="apt: components of the suite, [main] if left out; an empty list for a flat repository.",
    )
    baseurl: _Url | None = Field(
        default=None, description="rpm: address of the repository: http(s)://, ftp:// or file://."
    )
    name: (
        Annotated[str, Matching(r"^[^\s\[#;][^\n\r]*$", "must be one line, and must not start with a space, [, # or ;")]
        | None
    ) = Field(default=None, description="rpm: the repository's name, the id if left out.")
    gpgcheck: bool | None = Field(
        default=None, description="rpm: whether packages must be signed, true if left out; apt always checks."
    )
    enabled: bool = Field(default=True, description="Whether the repository is in use.")
    key: KeyFile | None = Field(
        default=None,
        description="File with the public key that signs the repository; left out, the keys that the guest trusts"
        " already. apt trusts it for this repository alone.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Repo:
        if (self.suite is None) == (self.baseurl is None):
            raise ValueError("give `suite` for a guest with apt, or `baseurl` for one with rpm")
        others = ("name", "gpgcheck") if self.suite else ("uri", "components")
        if foreign := [name for name in others if getattr(self, name) is not None]:
            raise ValueError(f"{' and '.join(foreign)} does not go with {'suite' if self.suite else 'baseurl'}")
        if self.suite and self.suite.endswith("/") and self._components:
            raise ValueError("a suite that ends in a slash has no components: give `components: []`")
        if self.suite and not self.suite.endswith("/") and not self._components:
            raise ValueError("give at least one component")
        return self

    @property
    def fits(self) -> frozenset[Family]:
        return frozenset({"debian"}) if self.suite else frozenset({"redhat", "suse"})

    @property
    def _components(self) -> list[str]:
        return ["main"] if self.components is None else self.components

    def _key_path(self) -> str | None:
        if self.key is None:
            return None
        if self.baseurl:
            return f"{RPM_KEYS}/RPM-GPG-KEY-{self.id}"
        return f"/etc/apt/keyrings/{self.id}.{key_suffix(self.key.read_bytes())}"

    def _path(self, guest: Guest) -> str:
        if self.suite:
            return f"/etc/apt/sources.list.d/{self.id}.sources"
        return f"{'/etc/zypp/repos.d' if guest.info.family == 'suse' else '/etc/yum.repos.d'}/{self.id}.repo"

    def _settings(self, guest: Guest, uri: str) -> dict[str, str]:
        """What the repository's file says: deb822 fields, or the options of its section."""
        key = self._key_path()
        if self.suite:
            given = {"Types": "deb", "URIs": uri, "Suites": self.suite, "Components": " ".join(self._components)}
            given |= {"Signed-By": key or "", "Enabled": "" if self.enabled else "no"}
        else:
            given = {"name": self.name or self.id, "baseurl": uri, "enabled": f"{self.enabled:d}"}
            given |= {"gpgcheck": f"{self.gpgcheck is not False:d}", "gpgkey": f"file://{key}" if key else ""}
            # Without it zypper asks for news of a repository only when it is told to.
            given |= {"autorefresh": "1" if guest.info.family == "suse" else ""}
        return {name: value for name, value in given.items() if value}

    def apply(self, guest: Guest) -> None:
        uri = self.baseurl or self.uri or _find_mirror(guest)
        path, settings = self._path(guest), self._settings(guest, uri)
        manager = packages.of(guest)
        if self.key and (key := self._key_path()):
            guest.write(key, self.key.read_bytes(), mode=0o644, owner="0:0")
            if isinstance(manager, packages.Rpm):
                manager.trust(key)
        guest.write(path, self._text(settings), mode=0o644, owner="0:0")
        manager.forget_index()
        if self.enabled and not guest.has_media:
            manager.refresh()
            if self.suite:
                self._require_use(guest, uri, self.suite)

    def _text(self, settings: dict[str, str]) -> str:
        if self.suite:
            return "".join(f"{name}: {value}\n" for name, value in settings.items())
        return f"[{self.id}]\n" + "".join(f"{name}={value}\n" for name, value in settings.items())

    def _require_use(self, guest: Guest, uri: str, suite: str) -> None:
        """apt only warns of a component that a suite does not have: read what the suite says of itself."""
        root = f"{uri.rstrip('/')}/{suite}" if not self._components else f"{uri.rstrip('/')}/dists/{suite}"
        names = [packages.index_file(f"{root.rstrip('/')}/{name}") for name in ("InRelease", "Release")]
        fetched = next((path for name in names if guest.is_file(path := f"/var/lib/apt/lists/{name}")), None)
        if fetched is None:
            raise GuestError(f"apt makes no use of the repository {self.id}")
        release = deb822.fields(guest.read(fetched))
        offered = release.get("Components", " ".join(self._components)).split()
        # A suite may write a component as updates/main, which apt also knows as main.
        known = {*offered, *(component.rpartition("/")[2] for component in offered)}
        if missing := [component for component in self._components if component not in known]:
            raise GuestError(
                f"the suite {suite} has no component {' '.join(missing)}", hint=f"it has {' '.join(offered)}"
            )

    def check(self, guest: Guest) -> Iterator[Finding]:
        path = self._path(guest)
        text = guest.read(path) if guest.is_file(path) else ""
        written = deb822.fields(text) if self.suite else _options(text, self.id)
        uri = self.baseurl or self.uri or written.get("URIs", "")
        if uri and written == self._settings(guest, uri):
            yield Finding(True, f"{path} names {uri}{f' {self.suite}' if self.suite else ''}")
        else:
            yield Finding(False, f"{path} does not say what it should")
        if self.key and (key := self._key_path()):
            same = guest.is_file(key) and guest.read_bytes(key) == self.key.read_bytes()
            yield Finding(same, f"{key} {'holds' if same else 'does not hold'} the key {self.key.name}")

    def kept_paths(self) -> Iterable[str]:
        yield from (
            [f"/etc/apt/sources.list.d/{self.id}.sources"]
            if self.suite
            else [f"/etc/yum.repos.d/{self.id}.repo", f"/etc/zypp/repos.d/{self.id}.repo"]
        )
        if key := self._key_path():
            yield key


def _options(text: str, section: str) -> dict[str, str]:
    """The options of one section of an ini file; none where it is not such a file."""
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read_string(text)
    except configparser.Error:
        return {}
    return dict(config[section]) if config.has_section(section) else {}


def _find_mirror(guest: Guest) -> str:
    """The first address that the guest's packages come from. Raises GuestError where there is none."""
    for path in guest.glob("/etc/apt/sources.list", "/etc/apt/sources.list.d/*"):
        text = guest.read(path)
        if path.endswith(".sources"):
            for fields in deb822.paragraphs(text):
                if fields.get("URIs") and fields.get("Enabled") != "no":
                    return fields["URIs"].split()[0]
        elif path.endswith(".list"):
            for line in text.splitlines():
                words = line.partition("]")[2].split() if "[" in line else line.split()[1:]
                if line.startswith("deb ") and words:
                    return words[0]
    raise GuestError("the guest has no repository whose address this one could share", hint="give `uri:`")
