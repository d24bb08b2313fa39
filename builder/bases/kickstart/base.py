"""The base that a distribution's own installer creates, unattended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from builder.bases.base import Base, BaseRequest, BuildContext, Firmware, with_firmware
from builder.bases.kickstart.answers import Answers
from builder.bases.kickstart.make import check_tree, make
from builder.bases.kickstart.model import ARCH, SIZE, Kickstart
from builder.errors import Problem, RecipeError
from builder.guest.info import Family
from builder.inputs import RecipeContext
from builder.install_trees.tree import open_tree

VERSION = 1
"""Part of the base's key: raise it when `make` changes the content of the disk."""

TREE = f"tree for {ARCH}"
"""The kind under which the memory keeps the identities of trees."""


class KickstartBase(Base):
    """Install unattended: `kickstart: {file: ../kickstart/almalinux9.ks.j2, tree: URL}`."""

    kickstart: Kickstart = Field(description="Install a system with its distribution's own installer, unattended.")

    _variables: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _take_variables(self, info: ValidationInfo) -> KickstartBase:
        if isinstance(info.context, RecipeContext):
            self._variables = info.context.variables
        return self

    @property
    def title(self) -> str:
        return f"install {self.kickstart.file.name.removesuffix('.j2')}"

    @property
    def family(self) -> Family | None:
        return "debian" if self.kickstart.is_preseed else "redhat"

    @property
    def answers(self) -> Answers:
        return Answers(self.kickstart, self._variables)

    def find_problems(self, firmware: Firmware) -> Iterator[Problem]:
        # Messages may quote the rendered file, so it must not contain the secrets.
        placeholders = {name: f"secret-{name}" for name in self.kickstart.secrets}
        try:
            rendered = self.answers.render(placeholders, firmware, self.kickstart.address)
        except RecipeError as error:
            yield from error.problems
        else:
            yield from self.answers.find_problems(rendered)

    def identity(self, request: BaseRequest) -> dict[str, object]:
        source = self.kickstart.iso or self.kickstart.tree or ""
        answers = self.answers.digest(request.secret_key, request.firmware)
        with open_tree(source) as tree:
            check_tree(self.kickstart, tree)
            found = tree.identity(ARCH)
        if request.memory and not self._is_local:
            request.memory.note(TREE, str(source), {"identity": found})
        return self._identity(request, answers, found)

    def find_known_facts(self, request: BaseRequest) -> dict[str, object] | None:
        if not request.memory or self._is_local:
            return None
        known = request.memory.find(TREE, self.kickstart.tree or "")
        if known is None or "identity" not in known:
            return None
        answers = self.answers.digest(request.secret_key, request.firmware)
        return with_firmware(self._identity(request, answers, known["identity"]), request.firmware)

    @property
    def _is_local(self) -> bool:
        """Whether the install source is on this host."""
        return self.kickstart.iso is not None or self.kickstart.folder is not None

    def _identity(self, request: BaseRequest, answers: str, tree: object) -> dict[str, object]:
        return {
            "kind": "kickstart",
            "version": VERSION,
            "answers": answers,
            "arguments": list(self.kickstart.arguments),
            "tree": tree,
            "size": request.size or SIZE,
            "firmware": request.firmware,
        }

    def make(self, context: BuildContext, target: Path) -> None:
        make(self.kickstart, self.answers, context, target)
