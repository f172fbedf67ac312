from __future__ import annotations

from typing import Any

import pytest
from napari.components import ViewerModel

from napari_spatialrecon.methods.registry import methods_for
from napari_spatialrecon.viewer.deconvolve.model import MixtureModel
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.super_resolve.model import SuperModel
from napari_spatialrecon.viewer.task.shared_choice import SharedChoice
from napari_spatialrecon.viewer.workspace.workspace import Role, Workspace


@pytest.fixture
def space(viewer: ViewerModel, open_tissue: Any) -> Workspace:
    return open_tissue(viewer)


def passed(source: Any, target: Any, choice: SharedChoice | None = None) -> SharedChoice:
    choice = choice or SharedChoice()
    source.share(choice)
    target.take(choice)
    return choice


def test_the_next_task_starts_with_what_was_chosen(space: Workspace) -> None:
    place, mixtures, parts = PlaceModel(space), MixtureModel(space), SuperModel(space)
    one, two = place.references
    other = space.add("other cells", Role.QUERY, adata=place.query.adata.copy())
    place.query = other
    place.use(one, used=False)
    choice = passed(place, mixtures)
    assert mixtures.reference is other and mixtures.slide is two
    mixtures.slide = one
    passed(mixtures, parts, choice)
    assert parts.slide is one
    place.query = space.named("cortex cells")
    passed(parts, place, choice)
    assert place.query is other and place.references == [two]


def test_the_histology_is_shared_among_placements(space: Workspace) -> None:
    first, second = PlaceModel(space), PlaceModel(space)
    first.image = first.images[1]
    passed(first, second)
    assert second.image is first.images[1]


def test_a_slide_that_stands_in_for_a_reference_is_not_taken_as_cells(space: Workspace) -> None:
    space.remove(space.named("cortex cells"))
    place, mixtures = PlaceModel(space), MixtureModel(space)
    assert mixtures.reference.role is Role.SLIDE
    passed(mixtures, place)
    assert place.query is None and len(place.references) == 2


def test_what_was_closed_meanwhile_is_ignored(space: Workspace) -> None:
    place, mixtures = PlaceModel(space), MixtureModel(space)
    choice = SharedChoice()
    place.share(choice)
    for entry in list(space):
        space.remove(entry)
    revision = mixtures.revision
    mixtures.take(choice)
    assert mixtures.slide is None and mixtures.reference is None and mixtures.revision == revision


def test_it_is_kept_by_name(space: Workspace) -> None:
    place = PlaceModel(space)
    place.use(place.references[0], used=False)
    choice = passed(place, place)
    assert SharedChoice.of(choice.state(), space) == choice
    assert SharedChoice.of({"cells": "gone", "unused": ["gone"]}, space).unused == ()


def test_an_entry_becomes_the_input_of_its_role(space: Workspace) -> None:
    place, mixtures = PlaceModel(space), MixtureModel(space)
    cells = space.add("other cells", Role.QUERY, adata=place.query.adata.copy())
    image = space.of_role(Role.HISTOLOGY)[-1]
    slide = place.references[-1]
    encoder = space.add("encoder", Role.MODEL)
    place.use(slide, used=False)
    for entry in (cells, image, slide, encoder):
        place.start_with(entry)
        mixtures.start_with(entry)
    assert place.query is cells and place.image is image and slide in place.references
    takers = [info.name for info in methods_for("place") if info.takes_encoder]
    assert place.method.name in takers and place.encoder is encoder
    assert mixtures.slide is slide and mixtures.reference is cells
