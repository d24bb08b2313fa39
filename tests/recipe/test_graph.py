"""Recipes that stand on each other: any graph that has an order gets one, any circle is named."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RecipeError
from builder.recipe.graph import RecipeFolder, RecipeSummary, find_ancestry, find_cycle, in_order, read_folder
from builder.store import Reference

NAMES = [f"r{number}" for number in range(8)]


def kin(name: str, parent: str | None = None, file: str | None = None) -> RecipeSummary:
    return RecipeSummary(Path(f"{file or name}.yaml"), name, Reference.parse(parent) if parent else None)


def by_name(kins: list[RecipeSummary]) -> dict[str, RecipeSummary]:
    return {each.name: each for each in kins}


forests = st.permutations(NAMES).flatmap(
    lambda names: st.tuples(*(st.sampled_from([None, "elsewhere", *names[:index]]) for index in range(len(names)))).map(
        lambda parents: [kin(name, parent) for name, parent in zip(names, parents, strict=True)]
    )
)
"""Recipes of which each stands on nothing, on a template from elsewhere, or on one drawn before it."""

graphs = st.tuples(*(st.sampled_from([None, "elsewhere", *NAMES]) for _ in NAMES)).map(
    lambda parents: [kin(name, parent) for name, parent in zip(NAMES, parents, strict=True)]
)


@given(forests.flatmap(st.permutations))
def test_any_graph_without_a_circle_has_an_order(kins: list[RecipeSummary]) -> None:
    ordered = in_order(kins)
    assert sorted(ordered, key=str) == sorted(kins, key=str)
    place = {each.name: index for index, each in enumerate(ordered)}
    for each in ordered:
        assert find_cycle(each, kins) == []
        if each.parent and each.parent.template in place:
            assert place[each.parent.template] < place[each.name]
    for each in kins:
        ancestry = find_ancestry(each, RecipeFolder(tuple(kins)))
        chain = [*ancestry.recipes, each]
        assert all(below.parent and below.parent.template == above.name for above, below in itertools.pairwise(chain))
        assert (chain[0].parent is None) == (ancestry.ground is None)
        assert ancestry.ground is None or ancestry.ground.template == "elsewhere"


@given(graphs)
def test_any_circle_is_named(kins: list[RecipeSummary]) -> None:
    named = by_name(kins)

    def leads_to_a_circle(each: RecipeSummary) -> bool:
        seen = set()
        while each.parent and each.parent.template in named and each.name not in seen:
            seen.add(each.name)
            each = named[each.parent.template]
        return each.name in seen

    circular = [each for each in kins if leads_to_a_circle(each)]
    for each in kins:
        circle = find_cycle(each, kins)
        assert bool(circle) == (each in circular)
        if circle:
            follows = dict(zip(circle, [*circle[1:], circle[0]], strict=True))
            assert len(follows) == len(circle), "each once"
            assert all(one.parent and one.parent.template == other.name for one, other in follows.items())
            assert each not in circle or circle[0] == each
    if circular:
        with pytest.raises(RecipeError) as caught:
            in_order(kins)
        assert any(str(each) in str(caught.value) for each in circular)
    else:
        assert len(in_order(kins)) == len(kins)


def test_a_circle_in_words() -> None:
    a, b, c = kin("a", "c"), kin("b", "a@stable"), kin("c", "b:20261123.1-ab12cd34")
    with pytest.raises(RecipeError) as caught:
        find_ancestry(b, RecipeFolder((a, b, c)))
    assert str(caught.value) == (
        "b.yaml:1:1: recipes stand on each other in a circle: "
        "b.yaml (b) stands on a.yaml (a) stands on c.yaml (c) stands on b.yaml (b)\n"
        "hint: one of them needs another base"
    )
    with pytest.raises(RecipeError, match=r"the recipe stands on its own template: web\.yaml \(web\)"):
        in_order([kin("web", "web")])


def test_only_what_a_build_moves_is_built_before() -> None:
    kins = RecipeFolder(
        (kin("base"), kin("web", "base@stable"), kin("shop", "web"), kin("fixed", "web:20261123.1-ab12cd34"))
    )
    _, web, shop, fixed = kins.recipes
    told = find_ancestry(shop, kins)
    assert (told.recipes, str(told.ground), told.missing) == ((web,), "base@stable", False)
    assert told.reason == "building base does not move base@stable"
    told = find_ancestry(fixed, kins)
    assert (told.recipes, str(told.ground)) == ((), "web:20261123.1-ab12cd34")


def test_two_recipes_of_the_parents_name() -> None:
    kins = RecipeFolder((kin("web", file="one"), kin("web", file="two"), kin("shop", "web")))
    with pytest.raises(RecipeError, match=r"^shop\.yaml:1:1: several recipes .* the name web: one\.yaml, two\.yaml"):
        find_ancestry(kins.recipes[2], kins)
    assert [each.file.stem for each in in_order(reversed(kins.recipes))] == ["two", "one", "shop"]


def test_a_folder_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    for name, text in {
        "web.yaml": "name: web\nvars: {os: debian-12}\nbase:\n  template: '{{ os }}@stable'\nsteps: wrong\n",
        "base.yml": "name: base\nbase: {image: x.qcow2}\n",
        "wrong.yaml": "name: wrong\nbase: {template: 'No Name'}\n",
        "undefined.yaml": "name: undefined\nbase: {template: '{{ none }}'}\n",
        "values.yaml": "[1, 2]\n",
        "broken.yaml": "name: [\n",
        "notes.txt": "name: notes\n",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder.yaml").mkdir()
    found = read_folder(tmp_path)
    assert [(each.file.name, str(each.parent or ""), each.mark) for each in found.recipes] == [
        ("base.yml", "", (1, 1)),
        ("undefined.yaml", "", (2, 18)),
        ("web.yaml", "debian-12@stable", (4, 13)),
        ("wrong.yaml", "", (2, 18)),
    ]
    assert [file.name for file in found.unreadable] == ["broken.yaml"]
    told = find_ancestry(kin("shop", "lost"), found)
    assert told.missing
    assert told.reason.endswith("has the name lost; not readable: broken.yaml")
