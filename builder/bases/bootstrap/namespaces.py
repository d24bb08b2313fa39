"""Name spaces of a bootstrap's own, so that nothing is left running or mounted if we are killed."""

from __future__ import annotations

import os

_APART = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

OF_ROOT = ("unshare", *_APART)
"""The beginning of root's command lines."""

OF_USER = ("unshare", "--user", "--map-root-user", "--map-auto", *_APART)
"""The beginning of a user's, who is root inside; takes subordinate ids, and util-linux 2.38."""


def is_root() -> bool:
    return os.geteuid() == 0
