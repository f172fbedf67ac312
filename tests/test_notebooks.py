"""The notebooks run as they stand, and each ends in a figure."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib.figure import Figure

import napari_spatialrecon as sr
from napari_spatialrecon.tissue.simulator.simulate import simulate

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def simulated() -> Any:
    """The simulator, which makes the same tissue once."""
    return cache(simulate)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_ends_in_a_figure(
    path: Path, simulated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sr, "simulate", simulated, raising=False)
    matplotlib.use("Agg")
    names: dict[str, Any] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), path.name, "exec"), names)
    assert isinstance(names["figure"], Figure) and names["figure"].axes


def test_there_is_a_notebook_for_each_task() -> None:
    assert len(NOTEBOOKS) == 5
