"""Recipes that are based on each other: any graph without a cycle gets an order, any cycle is named."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RecipeError
from builder.recipe.graph import RecipeFolder, RecipeSummary, find_ancestry, find_cycle, read_folder, sort_by_parent
from builder.store import Reference

NAMES = [f"r{number}" for number in range(8)]


def summary(name: str, parent: str | None = None, file: str | None = None) -> RecipeSummary:
    return RecipeSummary(Path(f"{file or name}.yaml"), name, Reference.parse(parent) if parent else None)


def by_name(recipes: list[RecipeSummary]) -> dict[str, RecipeSummary]:
    return {each.name: each for each in recipes}


forests = st.permutations(NAMES).flatmap(
    lambda names: st.tuples(*(st.sampled_from([None, "elsewhere", *names[:index]]) for index in range(len(names)))).map(
        lambda parents: [summary(name, parent) for name, parent in zip(names, parents, strict=True)]
    )
)
"""Recipes with no parent, a parent without a recipe, or a parent drawn before them."""

graphs = st.tuples(*(st.sampled_from([None, "elsewhere", *NAMES]) for _ in NAMES)).map(
    lambda parents: [summary(name, parent) for name, parent in zip(NAMES, parents, strict=True)]
)


@given(forests.flatmap(st.permutations))
def test_any_graph_without_a_cycle_has_an_order(recipes: list[RecipeSummary]) -> None:
    ordered = sort_by_parent(recipes)
    assert sorted(ordered, key=str) == sorted(recipes, key=str)
    place = {each.name: index for index, each in enumerate(ordered)}
    for each in ordered:
        assert find_cycle(each, recipes) == []
        if each.parent and each.parent.template in place:
            assert place[each.parent.template] < place[each.name]
    for each in recipes:
        ancestry = find_ancestry(each, RecipeFolder(tuple(recipes)))
        chain = [*ancestry.recipes, each]
        assert all(below.parent and below.parent.template == above.name for above, below in itertools.pairwise(chain))
        assert (chain[0].parent is None) == (ancestry.published_base is None)
        assert ancestry.published_base is None or ancestry.published_base.template == "elsewhere"


@given(graphs)
def test_any_cycle_is_named(recipes: list[RecipeSummary]) -> None:
    named = by_name(recipes)

    def leads_to_a_cycle(each: RecipeSummary) -> bool:
        seen = set()
        while each.parent and each.parent.template in named and each.name not in seen:
            seen.add(each.name)
            each = named[each.parent.template]
        return each.name in seen

    circular = [each for each in recipes if leads_to_a_cycle(each)]
    for each in recipes:
        cycle = find_cycle(each, recipes)
        assert bool(cycle) == (each in circular)
        if cycle:
            follows = dict(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
            assert len(follows) == len(cycle), "each once"
            assert all(one.parent and one.parent.template == other.name for one, other in follows.items())
            assert each not in cycle or cycle[0] == each
    if circular:
        with pytest.raises(RecipeError) as caught:
            sort_by_parent(recipes)
        assert any(str(each) in str(caught.value) for each in circular)
    else:
        assert len(sort_by_parent(recipes)) == len(recipes)


def test_a_cycle_in_words() -> None:
    a, b, c = summary("a", "c"), summary("b", "a@stable"), summary("c", "b:20261123.1-ab12cd34")
    with pytest.raises(RecipeError) as caught:
        find_ancestry(b, RecipeFolder((a, b, c)))
    assert str(caught.value) == (
        "b.yaml:1:1: recipes are based on each other in a cycle: b.yaml (b) is based on a.yaml (a),"
        " which is based on c.yaml (c), which is based on b.yaml (b)\n"
        "hint: change the base of one of them"
    )
    with pytest.raises(RecipeError, match=r"the recipe is based on its own template: web\.yaml \(web\)"):
        sort_by_parent([summary("web", "web")])


def test_only_what_a_build_moves_is_built_before() -> None:
    recipes = RecipeFolder(
        (
            summary("base"),
            summary("web", "base@stable"),
            summary("shop", "web"),
            summary("fixed", "web:20261123.1-ab12cd34"),
        )
    )
    _, web, shop, fixed = recipes.recipes
    ancestry = find_ancestry(shop, recipes)
    assert (ancestry.recipes, str(ancestry.published_base), ancestry.missing) == ((web,), "base@stable", False)
    assert ancestry.reason == "a build of base does not move base@stable"
    ancestry = find_ancestry(fixed, recipes)
    assert (ancestry.recipes, str(ancestry.published_base)) == ((), "web:20261123.1-ab12cd34")


def test_two_recipes_of_the_parents_name() -> None:
    recipes = RecipeFolder((summary("web", file="one"), summary("web", file="two"), summary("shop", "web")))
    with pytest.raises(RecipeError, match=r"^shop\.yaml:1:1: several recipes .* are named web: one\.yaml, two\.yaml"):
        find_ancestry(recipes.recipes[2], recipes)
    assert [each.file.stem for each in sort_by_parent(reversed(recipes.recipes))] == ["two", "one", "shop"]


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
    assert [(each.file.name, str(each.parent or ""), each.position) for each in found.recipes] == [
        ("base.yml", "", (1, 1)),
        ("undefined.yaml", "", (2, 18)),
        ("web.yaml", "debian-12@stable", (4, 13)),
        ("wrong.yaml", "", (2, 18)),
    ]
    assert [file.name for file in found.unreadable] == ["broken.yaml"]
    ancestry = find_ancestry(summary("shop", "lost"), found)
    assert ancestry.missing
    assert ancestry.reason.endswith("is named lost; cannot read: broken.yaml")
