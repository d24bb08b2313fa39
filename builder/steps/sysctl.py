from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import Step

FILE = "/etc/sysctl.d/99-golden.conf"

FOLDERS = ("/lib/sysctl.d", "/usr/lib/sysctl.d", "/usr/local/lib/sysctl.d", "/run/sysctl.d", "/etc/sysctl.d")
"""The folders whose settings apply at boot. Of files with the same name, the one in the last folder wins."""

LINE = re.compile(r"\s*-?\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*")


def _check_key(key: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]+([./][A-Za-z0-9_*:-]+)+", key):
        raise ValueError("must be the name of a kernel parameter, as in net.ipv4.ip_forward")
    return key


def _to_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_value(value: str) -> str:
    if not value.strip() or not value.replace("\t", " ").isprintable():
        raise ValueError("must be one line of text, or a number")
    return value.strip()


Key = Annotated[str, AfterValidator(_check_key)]
Value = Annotated[str, BeforeValidator(_to_text, json_schema_input_type=int | str), AfterValidator(_check_value)]


class Sysctl(Step, name="sysctl", version=1, shorthand="settings", example="sysctl: {net.ipv4.ip_forward: 1}"):
    """Set kernel parameters, which apply when a node boots."""

    settings: dict[Key, Value] = Field(description="Names and values, as in /etc/sysctl.conf.", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _expand_shorthand(cls, value: Any) -> Any:
        """Accept the map of settings itself as the value of the step."""
        return value if isinstance(value, dict) and set(value) == {"settings"} else {"settings": value}

    @property
    def title(self) -> str:
        return f"{self.step_name} {next(iter(self.settings))}"

    def apply(self, guest: Guest) -> None:
        settings = (parse(guest.read(FILE)) if guest.is_file(FILE) else {}) | self._by_path
        text = "".join(f"{as_name(path)} = {value}\n" for path, value in settings.items())
        guest.write(FILE, text, mode=0o644, owner="0:0")

    @property
    def _by_path(self) -> dict[str, str]:
        return {as_path(key): value for key, value in self.settings.items()}

    def check(self, guest: Guest) -> Iterator[Finding]:
        found: dict[str, tuple[str, str]] = {}
        for file in setting_files(guest):
            found.update({path: (value, file) for path, value in parse(guest.read(file)).items()})
        for path, value in self._by_path.items():
            now, file = found.get(path, ("not set", "any file"))
            correct = now.split() == value.split()
            yield Finding(correct, f"{path} is {now} in {file}{'' if correct else f' (expected {value})'}")


def setting_files(guest: Guest) -> list[str]:
    """Return the files with settings in systemd's order. The last file with a setting wins."""
    files = {name: f"{folder}/{name}" for folder in FOLDERS for name in guest.ls(folder) if name.endswith(".conf")}
    return [files[name] for name in sorted(files) if guest.is_file(files[name])]


def parse(text: str) -> dict[str, str]:
    """Return the settings in a file by their paths below /proc/sys."""
    found = (LINE.fullmatch(line) for line in text.splitlines())
    return {as_path(line[1]): line[2] for line in found if line}


def as_path(key: str) -> str:
    """Convert a name to a path below /proc/sys. The separator is whichever of `.` and `/` comes first."""
    first = re.search(r"[./]", key)
    return key.translate(str.maketrans("./", "/.")) if first and first[0] == "." else key


def as_name(path: str) -> str:
    """Convert a path below /proc/sys to a name: with dots, unless the path itself contains dots."""
    return path if "." in path else path.replace("/", ".")
