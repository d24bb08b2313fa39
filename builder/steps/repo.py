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
        "must be letters, digits and the characters . _ + ~ / -, and start with a letter, digit or dot",
    ),
]
_Url = Annotated[
    str,
    Matching(
        r"^[a-z][a-z0-9+.-]*:[^\s#]+$", "must be a URL without spaces or #, such as http://mirror.example.com/debian"
    ),
]

RPM_KEYS = "/etc/pki/rpm-gpg"


class Repo(Step, name="repo", version=1, example=_EXAMPLE):
    """Add a package repository.

    Use `suite` for guests with apt, and `baseurl` for guests with rpm. A `baseurl` may contain the
    package manager's variables, as in `http://mirror/$releasever/$basearch`.

    The step downloads the repository's index at once, so that a wrong URL or key fails here. It
    downloads nothing if the recipe has `media` or the repository is disabled.
    """

    id: Annotated[
        str,
        Matching(
            r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
            "must be letters, digits, dots, dashes and underscores, and start with a letter or digit",
        ),
    ] = Field(description="Id of the repository, and name of its files in the guest.")
    uri: _Url | None = Field(
        default=None, description="apt: URL of the repository. The default is the guest's own package mirror."
    )
    suite: _Word | None = Field(
        default=None, description="apt: the suite, or the folder of a flat repository with a slash at the end."
    )
    components: list[_Word] | None = Field(
        default=None,
        description="apt: components of the suite, by default [main]. Set [] for a flat repository.",
    )
    baseurl: _Url | None = Field(default=None, description="rpm: URL of the repository: http(s)://, ftp:// or file://.")
    name: (
        Annotated[
            str,
            Matching(r"^[^\s\[#;][^\n\r]*$", "must be one line, and not start with a space, [, # or ;"),
        ]
        | None
    ) = Field(default=None, description="rpm: name of the repository, by default its id.")
    gpgcheck: bool | None = Field(
        default=None, description="rpm: require signed packages, by default true. apt always requires signatures."
    )
    enabled: bool = Field(default=True, description="Use the repository.")
    key: KeyFile | None = Field(
        default=None,
        description="File with the repository's public key; not needed if the guest trusts the key already."
        " apt trusts it for this repository only.",
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Repo:
        if (self.suite is None) == (self.baseurl is None):
            raise ValueError("set either suite, for guests with apt, or baseurl, for guests with rpm")
        others = ("name", "gpgcheck") if self.suite else ("uri", "components")
        if foreign := [name for name in others if getattr(self, name) is not None]:
            kind = "an apt repository, which has `suite`" if self.suite else "an rpm repository, which has `baseurl`"
            raise ValueError(f"{' and '.join(f'`{name}`' for name in foreign)} cannot be set for {kind}")
        if self.suite and self.suite.endswith("/") and self._components:
            raise ValueError("a suite that ends in a slash has no components: set components to []")
        if self.suite and not self.suite.endswith("/") and not self._components:
            raise ValueError("set at least one component, or end suite with a slash for a flat repository")
        return self

    @property
    def supported_families(self) -> frozenset[Family]:
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
        """Return the contents of the repository's file: its deb822 fields, or the options of its section."""
        key = self._key_path()
        if self.suite:
            settings = {"Types": "deb", "URIs": uri, "Suites": self.suite, "Components": " ".join(self._components)}
            settings |= {"Signed-By": key or "", "Enabled": "" if self.enabled else "no"}
        else:
            settings = {"name": self.name or self.id, "baseurl": uri, "enabled": f"{self.enabled:d}"}
            settings |= {"gpgcheck": f"{self.gpgcheck is not False:d}", "gpgkey": f"file://{key}" if key else ""}
            # Without this, zypper does not refresh the repository's index by itself.
            settings |= {"autorefresh": "1" if guest.info.family == "suse" else ""}
        return {name: value for name, value in settings.items() if value}

    def apply(self, guest: Guest) -> None:
        uri = self.baseurl or self.uri or _default_url(guest)
        path, settings = self._path(guest), self._settings(guest, uri)
        manager = packages.of(guest)
        if self.key and (key := self._key_path()):
            guest.write(key, self.key.read_bytes(), mode=0o644, owner="0:0")
            if isinstance(manager, packages.Rpm):
                manager.import_key(key)
        guest.write(path, self._text(settings), mode=0o644, owner="0:0")
        manager.forget_index()
        if self.enabled and not guest.has_media:
            manager.refresh()
            if self.suite:
                self._require_used(guest, uri, self.suite)

    def _text(self, settings: dict[str, str]) -> str:
        if self.suite:
            return "".join(f"{name}: {value}\n" for name, value in settings.items())
        return f"[{self.id}]\n" + "".join(f"{name}={value}\n" for name, value in settings.items())

    def _require_used(self, guest: Guest, uri: str, suite: str) -> None:
        """Raise GuestError if apt does not use the repository, or if the suite lacks a component.

        apt itself only warns about a missing component, so the suite's Release file is read.
        """
        root = f"{uri.rstrip('/')}/{suite}" if not self._components else f"{uri.rstrip('/')}/dists/{suite}"
        names = [packages.index_file(f"{root.rstrip('/')}/{name}") for name in ("InRelease", "Release")]
        fetched = next((path for name in names if guest.is_file(path := f"/var/lib/apt/lists/{name}")), None)
        if fetched is None:
            raise GuestError(
                f"apt ignores the repository {self.id}: it downloaded no index from {root}",
                hint="check `uri:` and `suite:`, and that apt's settings in the guest do not exclude the repository",
            )
        release = deb822.fields(guest.read(fetched))
        offered = release.get("Components", " ".join(self._components)).split()
        # A suite may call a component updates/main, which apt also accepts as main.
        known = {*offered, *(component.rpartition("/")[2] for component in offered)}
        if missing := [component for component in self._components if component not in known]:
            raise GuestError(
                f"the suite {suite} has no component {' or '.join(missing)}",
                hint=f"set `components:` to some of {', '.join(offered)}",
            )

    def check(self, guest: Guest) -> Iterator[Finding]:
        path = self._path(guest)
        text = guest.read(path) if guest.is_file(path) else ""
        written = deb822.fields(text) if self.suite else _options(text, self.id)
        uri = self.baseurl or self.uri or written.get("URIs", "")
        if uri and written == self._settings(guest, uri):
            yield Finding(True, f"{path} has {uri}{f' {self.suite}' if self.suite else ''}")
        else:
            yield Finding(False, f"{path} does not match the recipe")
        if self.key and (key := self._key_path()):
            same = guest.is_file(key) and guest.read_bytes(key) == self.key.read_bytes()
            yield Finding(same, f"{key} {'contains' if same else 'does not contain'} the key {self.key.name}")

    def kept_paths(self) -> Iterable[str]:
        yield from (
            [f"/etc/apt/sources.list.d/{self.id}.sources"]
            if self.suite
            else [f"/etc/yum.repos.d/{self.id}.repo", f"/etc/zypp/repos.d/{self.id}.repo"]
        )
        if key := self._key_path():
            yield key


def _options(text: str, section: str) -> dict[str, str]:
    """Return the options of one section of an INI file; none if the file cannot be parsed or lacks the section."""
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read_string(text)
    except configparser.Error:
        return {}
    return dict(config[section]) if config.has_section(section) else {}


def _default_url(guest: Guest) -> str:
    """Return the URL of the guest's first apt repository. Raises GuestError if there is none."""
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
    raise GuestError(
        "the guest has no apt repository whose URL could be the default", hint="set `uri:` to the URL of the repository"
    )
