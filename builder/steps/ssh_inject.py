from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator

from pydantic import Field, model_validator

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import passwords
from builder.guest.guest import Guest
from builder.inputs import InputFile
from builder.steps.step import Step, UserName

TYPES = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)


class SshInject(
    Step,
    name="ssh-inject",
    version=1,
    example="ssh-inject: {user: root, "
    "key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS me}",
):
    """Add SSH public keys to a user's authorized_keys.

    Set either `key` or `file`. A key that the user already has is not added again.
    """

    user: UserName = Field(default="root", description="An existing user of the guest.")
    key: str | None = Field(default=None, description="Public keys, one per line.")
    file: InputFile | None = Field(default=None, description="File with public keys, such as ~/.ssh/id_ed25519.pub.")

    @model_validator(mode="after")
    def _check_usable(self) -> SshInject:
        if (self.key is None) == (self.file is None):
            raise ValueError("set either key or file")
        if not self._keys():
            raise ValueError(f"{self.file or 'key'} contains no public key")
        return self

    def _keys(self) -> list[str]:
        """Return the lines with keys. Raises ValueError for a line that is not a public key."""
        try:
            text = self.file.read_text() if self.file else self.key or ""
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{self.file} is not a text file with public keys") from None
        lines = [line.strip() for line in text.splitlines()]
        keys = [line for line in lines if line and not line.startswith("#")]
        for number, line in enumerate(keys, 1):
            check_key(line, number)
        return keys

    @property
    def _home(self) -> str:
        """The usual home folder, which is the only place where the seal removes keys."""
        return "/root" if self.user == "root" else f"/home/{self.user}"

    def _file_of(self, guest: Guest) -> str:
        passwords.require_user(guest, self.user)
        entry = guest.users()[self.user]
        if not guest.is_folder(entry[5]):
            raise GuestError(
                f"the user {self.user} has no home folder: {entry[5]} does not exist",
                hint="create the folder in an earlier step, and give it to the user with `chown:`",
            )
        return f"{entry[5].rstrip('/')}/.ssh/authorized_keys"

    def apply(self, guest: Guest) -> None:
        path = self._file_of(guest)
        folder = path.rpartition("/")[0]
        text = guest.read(path) if guest.is_file(path) else ""
        if text and not text.endswith("\n"):
            text += "\n"
        for key in self._keys():
            if not has_key(text, key):
                text += f"{key}\n"
        guest.mkdir(folder)
        guest.write(path, text)
        for place, mode in ((folder, 0o700), (path, 0o600)):
            guest.chmod(place, mode)
            guest.chown(place, self.user)

    def kept_users(self) -> Iterable[str]:
        yield self.user

    def check(self, guest: Guest) -> Iterator[Finding]:
        path = self._file_of(guest)
        text = guest.read(path) if guest.is_file(path) else ""
        keys = self._keys()
        present = sum(has_key(text, key) for key in keys)
        yield Finding(present == len(keys), f"{path} has {present} of {len(keys)} keys")
        uid = int(guest.users()[self.user][2])
        for place, mode in ((path.rpartition("/")[0], 0o700), (path, 0o600)):
            found = guest.find_stat(place)
            safe = found is not None and (found.mode, found.uid) == (mode, uid)
            # sshd ignores keys in files that other users can write.
            yield Finding(safe, f"{place} {'has' if safe else 'does not have'} owner {self.user} and mode {mode:04o}")

    def kept_paths(self) -> Iterable[str]:
        return (f"{self._home}/.ssh/authorized_keys",)


def check_key(line: str, number: int) -> None:
    """Raise ValueError for a line that is not a public key: `TYPE BASE64 [COMMENT]`. `number` counts from 1."""
    if "PRIVATE KEY" in line:
        raise ValueError("this is a private key; use the public key, from the file that ends in .pub")
    kind, _, rest = line.partition(" ")
    if kind not in TYPES:
        raise ValueError(f"key {number} is not an SSH public key: it must begin with one of {', '.join(sorted(TYPES))}")
    try:
        blob = base64.b64decode((rest.split() or [""])[0], validate=True)
    except binascii.Error:
        blob = b""
    # The binary key begins with its type: the length, then the string.
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
        raise ValueError(
            f"key {number} is damaged: it is not a valid key of type {kind}; copy the whole line of the .pub file"
        )


def has_key(text: str, key: str) -> bool:
    """Whether the text of an authorized_keys file has the key, with any options or comment."""
    blob = key.split()[1]
    return any(blob in line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
