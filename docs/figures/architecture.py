"""Draw the packages of the code base and the imports between them.

    python docs/figures/architecture.py --out docs/images

Rows are the layers in pyproject.toml; those of `methods` follow from its imports. Arrows implied by
a chain of other arrows are omitted. `grimp`, which reads the imports, is a test dependency.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import grimp
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from napari_spatialrecon.evaluation.palette import INK, QUIET

ROOT = "napari_spatialrecon"
PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
#: Width of a letter, room between boxes, their height and that of a row, in inches.
LETTER, GAP, HIGH, ROW = 0.082, 0.14, 0.3, 0.66
FILL = "#EAF2FB"

Imports = dict[str, set[str]]
Rows = list[list[str]]


def contract(package: str) -> Rows:
    """Return the rooms of a package, top row first, as the contract orders them."""
    contracts = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
    rows = next(c["layers"] for c in contracts if c.get("containers") == [package])
    return [re.findall(r"\w+", row) for row in rows]


#: Rooms of the lowest layer, which import nothing but one another, are drawn as one.
BASE = ", ".join(contract(ROOT)[-1])


def layers(package: str) -> Rows:
    """Return the rows of a package as they are drawn."""
    found = contract(package)
    return [*found[:-1], [BASE]] if package == ROOT else found


def imports(graph: grimp.ImportGraph, package: str) -> Imports:
    """Return which rooms of a package each of its rooms imports."""
    found: Imports = defaultdict(set)
    for module in sorted(graph.modules):
        room = _room(module, package)
        if room:
            others = {_room(m, package) for m in graph.find_modules_directly_imported_by(module)}
            found[room] |= others - {room, ""}
    return found


def _room(module: str, package: str) -> str:
    inside = module.removeprefix(f"{package}.")
    room = "" if inside == module else inside.partition(".")[0]
    return BASE if package == ROOT and room in BASE.split(", ") else room


def rows_of(found: Imports) -> Rows:
    """Return rooms in rows, each room one row above the highest that it imports."""
    depth: dict[str, int] = {}

    def deep(room: str) -> int:
        if room not in depth:
            depth[room] = 1 + max((deep(other) for other in found[room]), default=-1)
        return depth[room]

    rooms = sorted(found)
    rows = range(max(map(deep, rooms)), -1, -1)
    return [[room for room in rooms if depth[room] == row] for row in rows]


def needed(found: Imports) -> Imports:
    """Return the imports without those that a chain of others implies."""

    def reach(room: str) -> set[str]:
        return {room}.union(*(reach(other) for other in found[room]))

    return {
        room: {o for o in others if not any(o in reach(p) for p in others - {o})}
        for room, others in found.items()
    }


def draw(
    axis: Axes, title: str, at: tuple[float, float], rows: list[list[str]], found: Imports
) -> None:
    """Draw one package with its top left corner at a place: rooms in rows, arrows between them."""
    widths = [sum(len(r) * LETTER + 2 * GAP for r in row) for row in rows]
    place: dict[str, tuple[float, float, float]] = {}
    axis.text(at[0], at[1] + 0.45, title, size=12, color=INK, weight="bold")
    for number, (row, wide) in enumerate(zip(rows, widths, strict=True)):
        left, y = at[0] + (max(widths) - wide) / 2, at[1] - number * ROW
        for room in row:
            width = len(room) * LETTER + GAP
            place[room] = (left + GAP / 2 + width / 2, y, width)
            corner = (left + GAP / 2, y - HIGH / 2)
            shape = "round,pad=0,rounding_size=0.06"
            box = FancyBboxPatch(corner, width, HIGH, shape, fc=FILL, ec=QUIET, zorder=3)
            axis.add_patch(box)
            axis.text(*place[room][:2], room, ha="center", va="center", size=9, color=INK, zorder=4)
            left += len(room) * LETTER + 2 * GAP
    for room, others in needed(found).items():
        for other in sorted(others):
            axis.add_patch(_arrow(place[room], place[other]))


def _arrow(start: tuple[float, float, float], end: tuple[float, float, float]) -> FancyArrowPatch:
    """Return an arrow from box to box; one that passes other rows swings around them."""
    (x, y, wide), (to_x, to_y, to_wide) = start, end
    shift = min(max((to_x - x) * 0.2, -0.4 * wide), 0.4 * wide)
    to_shift = min(max((x - to_x) * 0.2, -0.4 * to_wide), 0.4 * to_wide)
    passes = y - to_y > 1.5 * ROW
    bend = (0.35 if to_x > x else -0.35) if passes else 0.0
    return FancyArrowPatch(
        (x + shift, y - HIGH / 2), (to_x + to_shift, to_y + HIGH / 2), arrowstyle="-|>",
        mutation_scale=8, color=QUIET, lw=0.8, shrinkA=0, shrinkB=0, zorder=2,
        connectionstyle=f"arc3,rad={bend}",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the picture")
    out = parser.parse_args().out / "architecture.svg"
    graph = grimp.build_graph(ROOT, exclude_type_checking_imports=True)
    matplotlib.rcParams["svg.hashsalt"] = ROOT
    figure = plt.figure(figsize=(15.8, 10.2))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, 15.8), ylim=(0, 10.2))
    axis.axis("off")
    whole, viewer, methods = (imports(graph, f"{ROOT}{p}") for p in ("", ".viewer", ".methods"))
    for place, title, rows, found in (
        ((0.2, 9.4), ROOT, layers(ROOT), whole),
        ((7.5, 9.4), "viewer", layers(f"{ROOT}.viewer"), viewer),
        ((0.7, 2.9), "methods", rows_of(methods), methods),
    ):
        draw(axis, title, place, [[r for r in row if r in found] for row in rows], found)
    figure.savefig(out, facecolor="white", metadata={"Date": None})
    print(out)


if __name__ == "__main__":
    main()
