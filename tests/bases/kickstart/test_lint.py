"""All problems of an answer file are reported at once, with their positions in the template."""

from __future__ import annotations

import warnings

import pytest

from builder.bases.kickstart.lint import END, check_syntax, find_kickstart_problems, find_preseed_problems
from tests.bases.kickstart.conftest import Render, format_problems

RIGHT = """
#version=RHEL9
url --url=http://host/
rootpw --lock
clearpart --all
part / --size=1024 --grow
poweroff
%packages
@core
%end
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RIGHT, []),
        (RIGHT.replace("RHEL9", "F40"), []),
        (RIGHT.replace("poweroff", "shutdown"), []),
        (RIGHT.replace("poweroff", "reboot"), [f"6:1: {END}"]),
        (RIGHT.replace("poweroff\n", ""), [f"1:1: {END}"]),
        (RIGHT.replace("#version=RHEL9", "# none"), ["1:1: the kickstart does not name the release of its syntax"]),
        (
            RIGHT.replace("RHEL9", "RHEL99"),
            ['1:10: unknown kickstart syntax "RHEL99": use a release such as RHEL9 or F40; did you mean "RHEL9"?'],
        ),
        (RIGHT.replace("rootpw", "rootpww"), ["3:1: Unknown command: rootpww"]),
        (RIGHT.replace("--lock", "--lock --bogus pw"), ["3:15: Unexpected arguments to rootpw command: ['--bogus'"]),
        (RIGHT.replace("=1024", "=much"), ["5:8: argument --size: invalid int value: 'much'"]),
        (RIGHT.replace("--lock", "'a"), ["3:1: No closing quotation"]),
        (
            RIGHT.replace("--lock", "'a").replace("/\n", "'/\n"),
            ["2:1: No closing quotation", "3:1: No closing quotation"],
        ),
        (RIGHT.replace("rootpw", '""'), ["3:1: invalid line"]),
        (RIGHT.replace("%packages", "%packages --bogus"), ["7:11: unrecognized arguments: --bogus"]),
        (RIGHT.replace("%packages", "%package"), ["7:1: unknown section %package"]),
        (RIGHT.replace("%end\n", ""), ["7:1: Section %packages does not end with %end"]),
        (RIGHT + "%post\n", ["10:1: Section %post does not end with %end"]),
        (RIGHT.replace("%end\n", "%post\necho\n%end\n"), ["7:1: Section %packages does not end with %end"]),
        (RIGHT + "install\n", ["10:1: install has been removed"]),
        (RIGHT.replace("RHEL9", "RHEL7") + "install\nauth --enableshadow\n", []),
        # Deprecated, but it still works.
        (RIGHT + "authconfig --enableshadow\n", []),
        (RIGHT + "part / --size=1\n", ["10:1: A partition with the mountpoint / has already been defined"]),
        (RIGHT + "%include /tmp/made-by-pre\n%post\n%include /tmp/other\n%end\n", []),
        (
            RIGHT + "{% for name in names %}\n user --nme={{ name }}\n{% endfor %}\nlang\n",
            ["11:2: the following arguments are required: --name", "13:1: the following arguments"],
        ),
    ],
)
def test_kickstarts(render_text: Render, text: str, expected: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problems = format_problems(find_kickstart_problems(render_text(text, {"names": ["a"]}), None))
    assert len(problems) == len(expected), problems
    assert all(problem.startswith(start) for problem, start in zip(problems, expected, strict=True)), problems


def test_a_syntax_from_the_recipe(render_text: Render) -> None:
    rendered = render_text(RIGHT + "install\n")
    assert format_problems(find_kickstart_problems(rendered, "RHEL7")) == []
    assert format_problems(find_kickstart_problems(rendered, "RHEL9")) != []


@pytest.mark.parametrize("name", ["DEVEL", "RHEL", "9", "../rhel9", ""])
def test_unknown_syntax(name: str) -> None:
    with pytest.raises(ValueError, match="unknown kickstart syntax"):
        check_syntax(name)


PRESEED = "d-i debian-installer/exit/poweroff boolean true\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PRESEED, []),
        (PRESEED.replace("true", "false"), [f"1:1: {END}"]),
        ("# nothing\n", [f"1:1: {END}"]),
        (PRESEED + "# text\n  # text\nd-i a/b string\nd-i a/b string x # y\nd-i a/b seen true\n", []),
        (PRESEED + "d-i a/b string x \\\n  1 2 3 \\\n  4\nd-i a/b note\n", []),
        (PRESEED + "d-i only\n", ["2:1: a line must have an owner, a question, a type and a value"]),
        (PRESEED + "d-i a string x\n", ['2:5: invalid question name "a"']),
        (PRESEED + "d-i a/b strin x\n", ['2:9: unknown type "strin"; did you mean "string"?']),
        (PRESEED + "d-i a/b boolean yes\n", ["2:17: the value of a/b must be true or false"]),
        (
            PRESEED + "d-i a/b string x \\\n  y \\ \nd-i only\n",
            ["3:5: a space follows the backslash", "4:1: a line must have an owner"],
        ),
        (
            PRESEED + "d-i a/b string x \\\n\nd-i a/b note\n",
            ["2:1: the line ends with a backslash, but is not continued"],
        ),
        (PRESEED + "d-i a/b string x \\", ["2:1: the line ends with a backslash, but is not continued"]),
    ],
)
def test_preseed_files(render_text: Render, text: str, expected: list[str]) -> None:
    problems = format_problems(find_preseed_problems(render_text(text)))
    assert len(problems) == len(expected), problems
    assert all(problem.startswith(start) for problem, start in zip(problems, expected, strict=True)), problems
