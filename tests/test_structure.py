"""What holds of the package as a whole, whichever module a change is made in."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import builder

PACKAGE = Path(builder.__file__).parent


def public_classes() -> Iterator[tuple[str, str]]:
    """The name of every public class at the top of a module, and the module's path."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, str(file.relative_to(PACKAGE))


def test_no_two_public_classes_share_a_name() -> None:
    modules = defaultdict(list)
    for name, module in public_classes():
        modules[name].append(module)
    assert len(modules) > 300
    assert {name: where for name, where in modules.items() if len(where) > 1} == {}


def test_no_option_is_refused_with_a_regular_expression() -> None:
    """pydantic quotes a field's pattern in its message; `Matching` says in words what is allowed."""
    calls = (
        (node, file)
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field"
    )
    found = [f"{file}:{node.lineno}" for node, file in calls if any(word.arg == "pattern" for word in node.keywords)]
    assert found == []
