from __future__ import annotations

from typing import Any

import anndata
import numpy as np
from napari.components import ViewerModel

from napari_spatialrecon.viewer.data.model import advice, cards, next_steps
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.workspace import Role, Workspace


def test_nothing_open_says_the_one_next_step() -> None:
    space = Workspace(ViewerModel(), memory=Memory({}))
    assert cards(space) == {} and next_steps(space) == []
    assert "Drop" in advice(space)


def test_slides_and_cells_lead_to_place_with_one_primary_step(
    viewer: ViewerModel, open_tissue: Any
) -> None:
    space = open_tissue(viewer)
    shown = cards(space)
    assert list(shown) == ["Slides", "Cells"], "an H&E is on the card of its slide"
    assert [card.name for card in shown["Slides"]] == ["cortex 1", "cortex 2"]
    assert shown["Slides"][0].facts.startswith("71 spots · 120 genes · Visium, 100 µm pitch")
    assert shown["Slides"][0].facts.endswith("H&E") and "genes" in shown["Cells"][0].facts
    steps = next_steps(space)
    assert [step.primary for step in steps] == [True, False, False, False]
    assert steps[0].where == "reconstruct/place" and steps[0].about.role is Role.QUERY


def test_a_deleted_layer_takes_its_card_along(viewer: ViewerModel, open_tissue: Any) -> None:
    space = open_tissue(viewer)
    viewer.layers.clear()
    assert list(cards(space)) == ["Cells"] and advice(space).startswith("Open a slide")


def test_a_table_without_counts_says_so_and_what_to_do(viewer: ViewerModel) -> None:
    space = Workspace(viewer, memory=Memory({}))
    logged = anndata.AnnData(np.log1p(np.arange(6.0).reshape(2, 3)))
    space.add("logged", Role.QUERY, adata=logged)
    space.add("raw", Role.QUERY, adata=anndata.AnnData(np.arange(6.0).reshape(2, 3)))
    by_name = {card.name: card for card in cards(space)["Cells"]}
    assert by_name["raw"].problems == () and "no coordinates" in by_name["raw"].facts
    (problem,) = by_name["logged"].missing
    assert "not whole numbers" in problem and "before normalization" in problem
