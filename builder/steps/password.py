from __future__ import annotations

from pydantic import Field

from builder.steps.root_password import RootPassword
from builder.steps.step import UserName


class Password(
    RootPassword,
    name="password",
    version=1,
    late=True,
    example="password: {user: admin, env: ADMIN_PASSWORD}",
):
    """Set, lock or disable a user's password.

    The user must exist; the step `user` creates one. The options work as in `root-password`.
    """

    user: UserName = Field(description="An existing user of the guest.")

    @property
    def title(self) -> str:
        return f"{self.step_name} {self.user}"

    @property
    def _user(self) -> str:
        return self.user
