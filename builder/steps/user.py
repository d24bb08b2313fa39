from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field, model_validator

from builder.errors import GuestError, did_you_mean
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.inputs import Matching
from builder.steps.step import GuestPath, Step, UserName, compare

NO_LOGIN = "/usr/sbin/nologin"


class User(Step, name="user", version=1, shorthand="name", example="user: {name: admin, groups: [sudo]}"):
    """Create a user.

    The user has no password and no SSH key; add `password` or `ssh-inject` after this step.
    """

    name: UserName = Field(description="Name of the new user, which must not exist yet.")
    uid: int | None = Field(
        default=None, ge=0, lt=2**32 - 1, description="Numeric user id, by default the next free one."
    )
    group: UserName | None = Field(
        default=None, description="Primary group, which must exist. The default is a new group with the user's name."
    )
    groups: list[UserName] = Field(default=[], description="Additional groups, such as sudo (Debian) or wheel (EL).")
    home: GuestPath | None = Field(default=None, description="Home folder. The default is /home/NAME.")
    shell: GuestPath | None = Field(
        default=None, description="Login shell. The default is /bin/bash, or /usr/sbin/nologin for a system user."
    )
    comment: Annotated[str, Matching(r"^[^:\n]*$", "must not contain a colon or a line break")] = Field(
        default="", description="Full name, or the purpose of the user."
    )
    system: bool = Field(
        default=False, description="Create a system user: a low user id, and no home folder unless `home` is set."
    )

    @model_validator(mode="after")
    def _check_consistent(self) -> User:
        if self.group in self.groups:
            raise ValueError(f"{self.group} is already the primary group; remove it from groups")
        return self

    @property
    def _home(self) -> str:
        return self.home or f"/home/{self.name}"

    @property
    def _shell(self) -> str:
        return self.shell or (NO_LOGIN if self.system else "/bin/bash")

    @property
    def _has_home(self) -> bool:
        return not self.system or self.home is not None

    def apply(self, guest: Guest) -> None:
        if self.name in guest.users():
            raise GuestError(
                f"the user {self.name} already exists in the guest", hint="use another name, or remove this step"
            )
        known = guest.groups()
        for group in (self.group, *self.groups):
            if group and group not in known:
                raise GuestError(
                    f"the guest has no group {group}{did_you_mean(group, known)}",
                    hint="correct the name, or create the group in an earlier step",
                )
        if not guest.is_file(self._shell):
            raise GuestError(
                f"the guest has no shell {self._shell}",
                hint="correct the path, or install its package in an earlier step",
            )
        options = ["--home-dir", self._home, "--shell", self._shell, "--comment", self.comment]
        options += ["--create-home"] if self._has_home else ["--no-create-home"]
        options += ["--gid", self.group] if self.group else ["--user-group"]
        options += ["--groups", ",".join(self.groups)] if self.groups else []
        options += ["--uid", str(self.uid)] if self.uid is not None else []
        options += ["--system"] if self.system else []
        guest.run(shlex.join(["useradd", *options, self.name]))

    def check(self, guest: Guest) -> Iterator[Finding]:
        entry = guest.users().get(self.name)
        if entry is None:
            yield Finding(False, f"the user {self.name} does not exist")
            return
        _, _, uid, gid, comment, home, shell = entry
        groups = guest.groups()
        own = next((name for name, group in groups.items() if group[2] == gid), gid)
        facts = {
            "user id": (uid, uid if self.uid is None else str(self.uid)),
            "primary group": (own, self.group or self.name),
            "comment": (comment, self.comment),
            "home folder": (home, self._home),
            "shell": (shell, self._shell),
        }
        for fact, (found, wanted) in facts.items():
            yield compare(f"{self.name}'s {fact} is", found or "empty", wanted or "empty")
        for group in self.groups:
            member = self.name in groups.get(group, [""])[-1].split(",")
            yield Finding(member, f"{self.name} is {'' if member else 'not '}in the group {group}")
        if self._has_home:
            folder = guest.find_stat(home)
            owned = folder is not None and folder.uid == int(uid)
            yield Finding(owned, f"{home} {'belongs' if owned else 'does not belong'} to {self.name}")

    def kept_users(self) -> Iterable[str]:
        yield self.name
