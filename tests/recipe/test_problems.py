"""All problems of a recipe are reported at once, with their positions, in plain words."""

from __future__ import annotations

import time
from pathlib import Path
from textwrap import dedent

import pytest

from builder.errors import RecipeError
from builder.recipe import load
from tests.recipe.conftest import BASE, FindProblems, Load

CASES: dict[str, tuple[str, list[str]]] = {
    "valid": (
        """
        name: web
        base: {image: disk.img}
        steps:
          - timezone: Europe/London
        """,
        [],
    ),
    "an empty map": ("{}", ['1:1: the recipe needs the option "name"', '1:1: the recipe needs the option "base"']),
    "a typo in every part": (
        """
        name: web
        sumary: text
        base: {bootstrap: {distribution: debian, relase: bookworm}}
        steps:
          - timezon: Europe/London
          - timezone: {zon: Europe/London}
        seal: {skip: [machine-i]}
        domain: {vcpu: 2}
        """,
        [
            '2:1: unknown option "sumary" of the recipe; did you mean "summary"?',
            '3:19: bootstrap needs the option "release"',
            '3:42: unknown option "relase" of bootstrap; did you mean "release"?',
            '5:5: unknown step "timezon"; did you mean "timezone"?',
            '6:15: timezone needs the option "zone"',
            '6:16: unknown option "zon" of timezone; did you mean "zone"?',
            '7:15: skip: unknown seal operation "machine-i"; did you mean "machine-id"?',
            '8:10: unknown option "vcpu" of domain; did you mean "vcpus"?',
        ],
    ),
    "wrong types": (
        """
        name: 5
        base: [disk.img]
        vars: text
        steps: text
        seal: {also: text}
        domain: {vcpus: 2.5, memory: [1], network: 5}
        publish: {format: vmdk}
        """,
        [
            "1:7: name: must be a string",
            "2:7: base: must be a map with image, bootstrap, kickstart or template",
            "3:7: vars: must be a map",
            "4:8: steps: must be a list",
            "5:14: also: must be a list",
            "6:17: vcpus: must be a whole number",
            "6:30: memory: must be a size such as 32G or 512M",
            "6:44: network: must be a string",
            "7:19: format: must be qcow2 or raw",
        ],
    ),
    "verify commands": (
        """
        name: web
        base: {image: disk.img}
        verify:
          - systemctl is-active ssh
          - ""
          - 5
          - {comand: "true"}
          - {command: "true", expect: ""}
          - "{{ nothing }}"
        """,
        [
            "5:5: verify: must not be empty",
            "6:5: verify: must be a command, or a map with the option `command`",
            '7:5: verify needs the option "command"',
            '7:6: unknown option "comand" of verify; did you mean "command"?',
            "8:31: expect: must not be empty",
            '9:5: undefined variable "nothing"',
        ],
    ),
    "values out of bounds": (
        f"""
        name: web
        {BASE}
        size: 33
        domain: {{vcpus: 0, memory: 1M}}
        publish: {{format: raw, compress: zstd}}
        """,
        [
            "3:7: size: must be a multiple of 512 bytes; add a unit, as in 32G",
            "4:17: vcpus: must be at least 1",
            "4:28: memory: must be a size from 64M to 64T",
            "5:34: compress: only a qcow2 disk can be compressed",
        ],
    ),
    "a step's shorthand, and the items of its list": (
        f"""
        name: web
        {BASE}
        steps:
          - timezone: 5
          - timezone:
          - install: [lftp, 5]
          - install:
              packages:
                - lftp
                - true
          - install: lftp
        """,
        [
            "4:15: timezone: must be a string",
            "5:5: timezone: must be a string",
            "6:21: install: must be a string",
            "10:11: packages: must be a string",
            "11:14: install: must be a list",
        ],
    ),
    "shapes of steps": (
        f"""
        name: web
        {BASE}
        steps:
          - timezone
          - [timezone]
          - {{}}
          -
          - timezone: UTC
            install: [lftp]
        """,
        [
            *(f"{line}: a step must be a map with one key, the step's name" for line in ("4:5", "5:5", "6:5", "7:4")),
            '9:5: the step timezone has a second key "install"',
        ],
    ),
    "an unknown kind of base": (
        "name: web\nbase: {imag: disk.img}",
        ['2:8: unknown kind of base "imag"; did you mean "image"?'],
    ),
    "a kickstart of nothing": ("name: web\nbase: {kickstart: {}}", ['2:19: kickstart needs the option "file"']),
    "two kinds of base": (
        f"name: web\nbase: {{image: disk.img, {BASE[7:-1]}}}",
        ["2:25: a base can have only one kind; this one already has image"],
    ),
    "no kind of base": ("name: web\nbase: {}", ["2:7: base: must have image, bootstrap, kickstart or template"]),
    "a missing image": (
        "name: web\nbase: {image: disc.img, sha256: abc}",
        [
            "2:15: the base image does not exist: FOLDER/disc.img",
            "2:33: sha256: must be 64 hexadecimal digits in lower case",
        ],
    ),
    "an image that is a folder": ("name: web\nbase: {image: .}", ["2:15: the base image is not a file: FOLDER"]),
    "an image with an invalid file name": (
        f"name: web\nbase: {{image: {'x' * 300}}}",
        ["2:15: cannot read the base image: File name too long"],
    ),
    "an image without a digest": (
        "name: web\nbase: {image: 'https://images.test/disk.img'}",
        ["2:7: base: an image from a URL needs `sha256:`, so that golden can verify it"],
    ),
    "an image over another protocol": (
        f"name: web\nbase: {{image: 'gopher://images.test/disk.img', sha256: {'a' * 64}}}",
        ["2:15: the URL of a base image must start with http:// or https://"],
    ),
    "an image in a map": ("name: web\nbase: {image: {file: disk.img}}", ["2:15: image: must be a string"]),
    "an option with an alias": (
        f"name: web\n{BASE}\nsteps: [{{run-command: {{command: 'true', chek: 'true'}}}}]",
        ['3:41: unknown option "chek" of run-command; did you mean "check"?'],
    ),
    "a password in a recipe": (
        f"name: web\n{BASE}\nsteps: [{{root-password: hunter2}}]",
        [
            "3:25: root-password: must be random, disabled, locked, {env: NAME} or {file: PATH};"
            " a recipe must not contain a password"
        ],
    ),
    "a bootstrap of no distribution": (
        """
        name: web
        base: {bootstrap: {release: bookworm}}
        """,
        ['2:19: bootstrap needs the option "distribution"'],
    ),
    "a bootstrap of an unknown distribution": (
        """
        name: web
        base: {bootstrap: {distribution: almalinx, release: "9"}}
        """,
        ['2:34: distribution: must be debian, almalinux, centos, fedora or rocky; did you mean "almalinux"?'],
    ),
    "options of the other kind of bootstrap": (
        """
        name: web
        base:
          bootstrap: {distribution: debian, release: bookworm, repos: []}
        """,
        ['3:56: debian has no option "repos"'],
    ),
    "a release that is a number, and a repository without a key": (
        """
        name: web
        base:
          bootstrap:
            distribution: rocky
            release: 9
            mirror: http://mirror/rocky
            repos: [{id: a, baseurl: "http://mirror/a", gpgky: key}]
        """,
        [
            "5:14: release: must be a string",
            '6:5: rocky has no option "mirror"',
            '7:13: repos needs the option "gpgkey"',
            '7:49: unknown option "gpgky" of repos; did you mean "gpgkey"?',
        ],
    ),
    "invalid repositories": (
        """
        name: web
        base:
          bootstrap:
            distribution: fedora
            release: "40"
            repos:
              - {id: a, baseurl: "gopher://mirror/a", gpgkey: key.asc}
              - {id: b, baseurl: "http://mirror/b", gpgkey: "http://mirror/key"}
              - {id: c, baseurl: "http://mirror/c", gpgkey: "ftp://mirror/key"}
              - {id: "c]", baseurl: "http://mirror/c", gpgkey: key.asc}
        """,
        [
            "7:9: repos: a baseurl must start with http://, https://, ftp:// or file:///, and must not contain spaces",
            "8:9: repos: a gpgkey from a URL needs `sha256:`, so that golden can verify it",
            "9:9: repos: the URL of a gpgkey must start with http:// or https://",
            "10:14: id: must be letters, digits, dots, dashes and underscores, and start with a letter or digit",
        ],
    ),
    "two repositories of one name": (
        """
        name: web
        base:
          bootstrap:
            distribution: centos
            release: "7"
            repos: [{id: a, baseurl: "http://m/a", gpgkey: key.asc}, {id: a, baseurl: "http://m/b", gpgkey: key.asc}]
        """,
        ["6:12: repos: ids must be unique, and must not be main: a"],
    ),
    "a repository and a key that this host does not have": (
        """
        name: web
        base:
          bootstrap:
            distribution: centos
            release: "7"
            repos: [{id: a, baseurl: tree, gpgkey: key}]
        """,
        ["6:30: no such folder: FOLDER/tree", "6:44: no such file: FOLDER/key"],
    ),
    "no such firmware": (
        "name: web\nbase: {image: disk.img}\nfirmware: efi",
        ["3:11: firmware: must be bios or uefi"],
    ),
    "a release and a package that look like options": (
        "name: web\nbase: {bootstrap: {distribution: debian, release: -x, packages: [--help]}}",
        [
            "2:51: release: must be a code name in lower-case letters, such as bookworm",
            "2:66: packages: invalid package name '--help': must have no spaces, commas or leading dash",
        ],
    ),
    "variables": (
        f"""
        name: web
        summary: "{{{{ tre }}}}"
        vars: {{tree: x, "1st": y}}
        {BASE}
        steps:
          - timezone: "{{{{ tree"
          - timezone: "{{{{ zone }}}}"
          - timezone: "{{{{ tree * 9 }}}}"
          - timezone: "{{{{ tree.__class__.__mro__ }}}}"
        """,
        [
            '2:10: undefined variable "tre"; did you mean "tree"?',
            "3:17: 1st: a variable name must be letters, digits and underscores, and must not start with a digit",
            "6:15: invalid template: unexpected end of template, expected 'end of print statement'",
            '7:15: undefined variable "zone"',
            "8:15: cannot render the template: the operator * is not allowed in a recipe",
            "9:15: cannot render the template: access to attribute '__class__' of 'str' object is unsafe",
        ],
    ),
    "a problem behind an alias is reported once": (
        f"""
        name: web
        {BASE}
        steps:
          - &zone {{timezone: 5}}
          - *zone
        """,
        ["4:22: timezone: must be a string"],
    ),
    "names with line breaks": (
        f'name: "a\\nb"\n{BASE}\nsummary: "a\\nb"\n"x\\ny": 1',
        [
            "1:7: name: must be lower-case letters, digits, dots, dashes and underscores, at most 63 characters,"
            " starting with a letter or digit; two dots in a row are not allowed",
            "3:10: summary: must be one line of printable characters",
            '4:1: unknown option "x\\ny" of the recipe',
        ],
    ),
    "duplicate keys": (
        f"""
        name: web
        {BASE}
        name: db
        domain:
          vcpus: 1
          vcpus: 2
        """,
        ['3:1: duplicate key "name"', '6:3: duplicate key "vcpus"'],
    ),
    "keys that are not strings": (
        f"name: web\n{BASE}\nvars: {{1: a, null: b, [c]: d}}",
        ["3:8: a key must be a string", "3:14: a key must be a string", "3:23: a key must be a string"],
    ),
    "a tag": (f"name: !!str web\n{BASE}", ["1:7: a recipe cannot have YAML tags such as tag:yaml.org,2002:str"]),
    # --- not a recipe at all
    "empty": ("", ["1:1: the recipe is empty"]),
    "only a comment": ("# nothing\n", ["1:1: the recipe is empty"]),
    "only a mark": ("---\n", ["2:1: the recipe is empty"]),
    "a list": ("- name: web", ["1:1: a recipe must be a map with name, base, steps, …"]),
    "a scalar": ("web", ["1:1: a recipe must be a map with name, base, steps, …"]),
    "an open list": (
        "name: [web\nbase: x",
        ["2:5: invalid YAML: expected ',' or ']', but got ':', while parsing a flow sequence"],
    ),
    "a tab": (
        "base:\n\timage: x",
        [r"2:1: invalid YAML: found character '\t' that cannot start any token, while scanning for the next token"],
    ),
    "wrong indentation": (
        "base:\n  image: x\n sha256: y",
        ["3:2: invalid YAML: expected <block end>, but found <block mapping start>, while parsing a block mapping"],
    ),
    "two documents": ("name: web\n---\nname: db", ["2:1: a second YAML document starts here"]),
    "a control character": ("name: web\nbase: \x07", ["2:7: the character U+0007 is not allowed in YAML"]),
    "half a character": ('name: "\\ud800"', ["1:7: an escape sequence encodes only half of a character"]),
    "an alias of nothing": ("name: *web", ["1:7: the alias *web has no anchor &web before it"]),
    "an alias of itself": ("steps: &steps [*steps]", ["1:16: the alias *steps has no anchor &steps before it"]),
    "deep nesting": ("[" * 100_000, ["1:65: lists and maps are nested more than 64 levels deep"]),
    "deep nesting by aliases": (
        "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [[[[[[[[*a{n - 1}]]]]]]]]" for n in range(1, 10))]),
        ["9:17: lists and maps are nested more than 64 levels deep, aliases expanded"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_problems(find_problems: FindProblems, text: str, expected: list[str]) -> None:
    text = dedent(text).lstrip("\n")
    assert find_problems(text) == expected


@pytest.mark.parametrize("data", [b"name: caf\xe9", b"\xff\xfen\x00"])
def test_bytes_that_are_not_utf8(find_problems: FindProblems, data: bytes) -> None:
    expected = "1:10: not UTF-8: byte 0xE9" if data.startswith(b"name") else "1:1: not UTF-8: byte 0xFF"
    assert find_problems(data) == [expected]


BOMBS = {
    "lists of lists": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{to}: &{to} [{','.join([f'*{of}'] * 10)}]\n" for of, to in zip("abcdefgh", "bcdefghi", strict=True)),
    "one long text": f"a: &a {'x' * 100_000}\nb: [{','.join(['*a'] * 1000)}]",
    "many steps": f"name: web\n{BASE}\nsteps:\n- &a {{timezone: '{{{{ x }}}}'}}\n" + "- *a\n" * 20_000,
    "many values": "- x\n" * 50_000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused(find_problems: FindProblems, text: str) -> None:
    started = time.process_time()
    (problem,) = find_problems(text)
    assert problem.endswith("the recipe has more than 20,000 values, aliases expanded")
    assert time.process_time() - started < 3


def test_too_large(find_problems: FindProblems) -> None:
    started = time.process_time()
    assert find_problems("x" * 10_000_000) == ["1:1: too large for a recipe: the limit is 1 MiB"]
    assert time.process_time() - started < 0.5


def test_a_long_word_is_quoted_in_part(find_problems: FindProblems) -> None:
    (problem,) = find_problems(f"name: web\n{BASE}\n{'x' * 1000}: 1")
    assert problem.startswith('3:1: unknown option "xxx')
    assert len(problem) < 400


def test_a_missing_recipe(folder: Path) -> None:
    for name in ("debian-12.yaml", "centos-7.yaml", "notes.txt"):
        (folder / name).write_text("")
    with pytest.raises(RecipeError) as caught:
        load(folder / "debian-13.yaml")
    assert (
        str(caught.value)
        == f"{folder}/debian-13.yaml:1:1: no such recipe\nhint: name one of the recipes in {folder}: debian-12.yaml"
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "this is a folder, not a recipe"),
        ("disk.img/x.yaml", "cannot read the recipe: Not a directory"),
        ("none/x.yaml", "no such recipe"),
        ("x" * 300, "cannot read the recipe: File name too long"),
        ("a\0b", "cannot read the recipe: embedded null byte"),
    ],
)
def test_an_unreadable_recipe(folder: Path, name: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(folder / name)
    assert [problem.message for problem in caught.value.problems] == [message]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"name: web\n{BASE}\nsteps: [timezone]", "write `timezone: …`"),
        (f"name: web\n{BASE}\nsteps: [{{timezon: UTC}}]", "run `golden steps` to list all steps"),
        (f"name: web\n{BASE}\nsteps: [{{timezone: {{}}}}]", "run `golden steps timezone` to see its options"),
        (f"name: web\n{BASE}\nsteps: [{{timezone: 5}}]", "put it in quotes to make it a string"),
        ("name: web\nbase: {image: {file: disk.img}}", "write `image: disk.img`"),
        (f"name: web\n{BASE}\nname: db", "the first is at 1:1"),
        (f"name: web\n{BASE}\n1: x", 'put it in quotes: "1"'),
        ("name: web\nbase: {kickstar: {}}", "use image, bootstrap, kickstart or template"),
        (f"name: web\n{BASE}\nsteps: [{{timezone: '{{% x'}}]", "between {% raw %} and {% endraw %}"),
        ("a:\n\tb: c", "indent with spaces, not with tabs"),
        (f"name: web\n{BASE}\nseal: {{script: gone.sh}}", "correct the path; it is relative to the recipe's folder"),
        (f"name: web\n{BASE}\nseal: {{skip: [x]}}", "run `golden seal` to list all operations"),
        (f"name: web\n{BASE}\nsteps: [{{root-password: {{env: GOLDEN_ABSENT}}}}]", "export it before you run golden"),
        (f"name: web\n{BASE}\nsummary: '{{{{ x }}}}'", "define it in `vars:`, or correct its name"),
    ],
)
def test_hints(load_text: Load, text: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_text(text)
    assert hint in str(caught.value)
