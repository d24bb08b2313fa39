"""The reference of bases, steps and seal operations in Markdown, from their own declarations: recipes/README.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from builder import seal
from builder.recipe.describe import (
    BaseDescription,
    OperationDescription,
    StepDescription,
    StepOption,
    describe,
    describe_base,
    describe_operation,
    describe_section,
)
from builder.recipe.model import BASES, VerifyCommand
from builder.steps import registry

HEAD = """\
# What a recipe can say

`golden reference > recipes/README.md` writes this file anew; `golden steps NAME` and `golden seal NAME`
tell the same of one step or operation.
"""

BASES_HEAD = """\
## Bases

A recipe has one: `base: {image: …}` with the options of that kind beside it, or `base: {bootstrap: {…}}` and
`base: {kickstart: {…}}` with theirs below. Every one is made once, and again when something changed that decides it.
"""

STEPS = """\
## Steps

They run in the order of the recipe, but for passwords, which come last. A step that the guest is not
made for is refused before anything runs.
"""

SEAL = """\
## Seal operations

All that stand under *by default* are part of every seal; `seal: {skip: […], also: […]}` leaves some out
and takes others in. What a step put there on purpose stays. In paths `*` and `?` stand for letters of
one name, `**` for folders of any depth, `{a,b}` for either.
"""

VERIFY = """\
## Verify

`verify:` is a list of commands, which `golden verify` and `golden build --verify` run in both clones once
they are up, as root, each within two minutes. They come after what is always looked at: a login prompt on the
serial console, no failed unit, file systems that grow, an address, machine-ids and SSH host keys of their own.
An entry is a shell command, or a map:
"""

VERIFY_EXAMPLE = """\
```yaml
verify:
  - systemctl is-active nginx
  - {command: nginx -v, expect: nginx/1.}
```
"""


def make_reference() -> str:
    """The whole text."""
    steps = [describe(step) for step in registry().values()]
    operations = [describe_operation(operation) for operation in seal.registry().values()]
    bases = [_base(describe_base(name, base)) for name, base in BASES.items()]
    parts = [HEAD, BASES_HEAD, *bases, STEPS, _contents(steps), *map(_step, steps), SEAL]
    for title, default in (("By default", True), ("On request", False)):
        parts += [f"### {title}\n", "".join(_operation(one) for one in operations if one.default is default)]
    parts += [VERIFY, _options(describe_section(VerifyCommand)), VERIFY_EXAMPLE]
    return "\n".join(parts)


def _contents(steps: Iterable[StepDescription]) -> str:
    return _table(("step", "what it does"), ((f"[{step.name}](#{step.name})", step.heading) for step in steps))


def _step(step: StepDescription) -> str:
    text = f"### {step.name}\n\n{step.heading}\n"
    if step.docs:
        text += f"\n{step.docs}\n"
    if facts := [*_facts(step)]:
        text += "\n" + " ".join(facts) + "\n"
    text += "\n" + _options(step.options)
    example = step.example.rstrip().replace("\n", "\n  ")
    return f"{text}\n```yaml\n- {example}\n```\n"


def _base(base: BaseDescription) -> str:
    return f"### {base.name}\n\n{base.heading}\n\n{_options(base.options)}"


def _options(options: Iterable[StepOption]) -> str:
    rows = ((f"`{option.name}`", option.type, _default(option), option.description) for option in options)
    return _table(("option", "type", "default", "what it is"), rows)


def _facts(step: StepDescription) -> Iterator[str]:
    if step.guests:
        yield f"For {' and '.join(step.guests)} guests."
    if step.shorthand:
        yield f"A value that is no map stands for `{step.shorthand}`."
    if step.late:
        yield "It runs after all other steps, wherever it stands."


def _default(option: StepOption) -> str:
    if option.required:
        return "required"
    empty = option.default in (None, [], "")
    return "" if empty else f"`{json.dumps(option.default, ensure_ascii=False)}`"


def _operation(operation: OperationDescription) -> str:
    told = [operation.heading, *(" ".join(part.split()) for part in operation.docs.split("\n\n") if part)]
    for what, paths in operation.paths.items():
        told.append(f"{what}: {', '.join(f'`{path}`' for path in paths)}.")
    return f"- **{operation.name}**: {' '.join(told)}\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [[*head], *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
