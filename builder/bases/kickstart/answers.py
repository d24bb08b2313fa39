"""The answer file for an installer: the kickstart or preseed file of a recipe, rendered and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from builder import digest
from builder.bases.base import Firmware
from builder.bases.kickstart.address import Address
from builder.bases.kickstart.model import Kickstart, read_secret
from builder.bases.kickstart.render import AnswersTemplate, RenderedAnswers, render
from builder.errors import Problem
from builder.inputs import KeyContext

DISK = "vda"
"""The name of the disk in the installer and in nodes."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answer file of a kickstart base; `variables` are the recipe's."""

    kickstart: Kickstart
    variables: Mapping[str, Any]

    def render(self, secrets: Mapping[str, str], firmware: Firmware, address: Address | None) -> RenderedAnswers:
        """Render the answer file for an installer that reaches the tree at `address`. Raises RecipeError."""
        own = {"tree": address, "disk": DISK, "firmware": firmware, "secrets": dict(secrets)}
        return render(AnswersTemplate.read(self.kickstart.file), {**self.variables, **self.kickstart.vars, **own})

    def find_problems(self, rendered: RenderedAnswers) -> Iterator[Problem]:
        """The problems of a rendered answer file."""
        from builder.bases.kickstart import lint

        if self.kickstart.is_preseed:
            return lint.find_preseed_problems(rendered)
        return lint.find_kickstart_problems(rendered, self.kickstart.syntax)

    def digest(self, secret_key: bytes, firmware: Firmware) -> str:
        """The digest of the rendered answer file, with digests of the secrets instead of their text.

        Raises RecipeError, or HostError if a secret cannot be read.
        """
        context = KeyContext(secret_key)
        secrets = {
            name: f"secret:{read_secret(name, partial(secret.key, context))}"
            for name, secret in self.kickstart.secrets.items()
        }
        return digest.of_value(self.render(secrets, firmware, self.kickstart.address).text)
