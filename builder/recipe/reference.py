"""The reference of bases, steps and seal operations in Markdown, generated from their declarations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from builder import seal
from builder.bases import BASES
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
from builder.recipe.model import VerifyCommand
from builder.steps import registry

HEAD = """\
# Recipe reference

This file is generated: run `make reference` to update it. `golden steps NAME` and `golden seal NAME` show the
same for one step or operation.
"""

BASES_HEAD = """\
## Bases

A recipe has exactly one base. An image has its options beside it, as in `base: {image: …, sha256: …}`; `bootstrap`
and `kickstart` have them below, as in `base: {bootstrap: {…}}`. golden makes a base once and caches it. It makes the
base again only if something that determines its content changed.
"""

STEPS = """\
## Steps

Steps run in the order of the recipe, except those that set passwords, which run last. golden refuses a step that
does not support the guest before it runs anything.
"""

SEAL = """\
## Seal operations

Every seal runs the operations under *By default*. `seal: {skip: […], also: […]}` leaves some out and adds others.
The seal keeps whatever a step put there on purpose. In paths, `*` and `?` match characters within one name,
`**` matches folders of any depth, and `{a,b}` matches either.
"""

VERIFY = """\
## Verify

`verify:` is a list of commands. `golden verify` and `golden build RECIPE --verify` boot two clones and run
each command in both of them, as root, with a limit of two minutes. The commands follow the checks that golden
always makes: a login prompt on the serial console, no failed units, grown file systems, an address, and a
different machine-id and different SSH host keys in each clone. An entry is a shell command, or a map:
"""

VERIFY_EXAMPLE = """\
```yaml
verify:
  - systemctl is-active nginx
  - {command: nginx -v, expect: nginx/1.}
```
"""


def make_reference() -> str:
    """The whole reference."""
    steps = [describe(step) for step in registry().values()]
    operations = [describe_operation(operation) for operation in seal.registry().values()]
    bases = [_base(describe_base(name, base)) for name, base in BASES.items()]
    parts = [HEAD, BASES_HEAD, *bases, STEPS, _contents(steps), *map(_step, steps), SEAL]
    for title, default in (("By default", True), ("On request", False)):
        parts += [f"### {title}\n", "".join(_operation(one) for one in operations if one.default is default)]
    parts += [VERIFY, _options(describe_section(VerifyCommand)), VERIFY_EXAMPLE]
    return "\n".join(parts)


def _contents(steps: Iterable[StepDescription]) -> str:
    return _table(("step", "description"), ((f"[{step.name}](#{step.name})", step.heading) for step in steps))


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
    text = f"### {base.name}\n\n{base.heading}\n"
    if not base.variants:
        return f"{text}\n{_options(base.options)}"
    return text + "".join(f"\nFor {names}:\n\n{_options(options)}" for names, options in base.variants)


def _options(options: Iterable[StepOption]) -> str:
    rows = ((f"`{option.name}`", option.type, _default(option), option.description) for option in options)
    return _table(("option", "type", "default", "description"), rows)


def _facts(step: StepDescription) -> Iterator[str]:
    if step.guests:
        yield f"Only for {' and '.join(step.guests)} guests."
    if step.shorthand:
        yield f"Short form: give the value of `{step.shorthand}` alone, without a map."
    if step.late:
        yield "It runs after all other steps, whatever its position."


def _default(option: StepOption) -> str:
    if option.required:
        return "required"
    empty = option.default in (None, [], "")
    return "" if empty else f"`{json.dumps(option.default, ensure_ascii=False)}`"


def _operation(operation: OperationDescription) -> str:
    sentences = [operation.heading, *(" ".join(part.split()) for part in operation.docs.split("\n\n") if part)]
    for effect, paths in operation.paths.items():
        sentences.append(f"{effect}: {', '.join(f'`{path}`' for path in paths)}.")
    return f"- **{operation.name}**: {' '.join(sentences)}\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [[*head], *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
