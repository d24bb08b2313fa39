"""How long a night takes in which nothing changed."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from pathlib import Path

from builder.paths import Output
from builder.plan import make_plan
from builder.recipe import load
from tests.conftest import GOLDEN
from tests.nodes.templates import fabricate

RECIPES = 10
NIGHTS = 3


def measure(output: Output, recipe: Path) -> str:
    """The median of some nights with ten recipes like one that was built; its mirrors are asked each time."""
    print("nights of ten unchanged recipes …", flush=True)
    text = recipe.read_text()
    for number in range(1, RECIPES):
        other = recipe.with_name(f"bench-{number}.yaml")
        other.write_text(text.replace("name: debian-12\n", f"name: bench-{number}\n"))
        fabricate(output, f"bench-{number}", key=make_plan(load(other), output).publish.key)
    command = [str(GOLDEN), "nightly", "run", str(recipe.parent), "--no-verify", "--json", "--output", str(output.root)]
    times = []
    for _ in range(NIGHTS):
        begun = time.monotonic()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        times.append(time.monotonic() - begun)
        images = json.loads(done.stdout)["images"]
        assert [image["state"] for image in images] == ["unchanged"] * RECIPES
    return f"a night, {RECIPES} recipes unchanged {statistics.median(times):8.2f} s   (aim 3)"
