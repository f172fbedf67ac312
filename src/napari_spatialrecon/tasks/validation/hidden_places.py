"""What of reference slides is hidden: random spots, whole sections, or single cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.evaluation.protocols import held_out_sections, hold_out_cells
from napari_spatialrecon.faces import argument
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.placement.held_out import LEAST_SPOTS, SHARE, hold_out
from napari_spatialrecon.tasks.placing_run import prepare_slides
from napari_spatialrecon.tasks.signal import missing, signals
from napari_spatialrecon.tasks.validation.places import Fold, HeldOutPlaces, Part, Points
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.slide_frame import SlideScale

#: Most cells of a slide that are placed.
_CELLS = 2000
#: What of the slides may be held out.
KINDS = ("spots", "section", "cells")


def hidden_places(
    references: Mapping[str, AnnData],
    query: AnnData | None,
    kind: str,
    seed: int,
    config: Config | None = None,
) -> HeldOutPlaces:
    """Hide places of reference slides.

    Parameters
    ----------
    query
        The cells that are to be placed later: only genes that they measured are used.
    kind
        One of `KINDS`; "" for random spots.

    Raises
    ------
    InputError
        There is too little to hold out.
    """
    kind = kind or KINDS[0]
    if kind not in KINDS:
        raise InputError(
            f"Expected one of {', '.join(KINDS)} to hold out, found {kind!r}.",
            remedy=f"Try {argument('hold_out', KINDS[0])}.",
        )
    if not references:
        raise InputError(
            "Expected at least one reference slide, found none.",
            remedy=f"Try {argument('references')} with a slide.",
        )
    slides = prepare_slides(references, config)
    inputs = {slide.name: slide.fingerprint() for slide in slides}
    warnings = missing(signals(slides))
    if query is not None:
        cells = contract.prepare_query(query, "query")
        inputs["query"] = cells.fingerprint()
        slides = _shared(slides, cells)
    um = contract.um_per_unit(slides[0].adata)
    if any(contract.um_per_unit(slide.adata) is None for slide in slides):
        um = None
    make = {"spots": _spots, "section": _sections, "cells": _cells}[kind]
    held_out, folds, cautions = make(slides, seed)
    found = HeldOutPlaces(kind, held_out, folds, um, inputs, cautions)
    found.warnings = warnings
    return found


Made = tuple[str, list[Fold], list[str]]


def _spots(slides: Sequence[contract.Prepared], seed: int) -> Made:
    held_out = hold_out(slides, seed)
    if held_out is None:
        needed = _least_spots()
        small = next(slide for slide in slides if slide.adata.n_obs < needed)
        raise InputError(
            f"Expected at least {needed} spots with counts on each slide, to hold a quarter of "
            f"them out; found {small.adata.n_obs}.",
            remedy="Try a slide with more spots.",
            where=small.name,
        )
    parts = tuple(
        Part(slide.name, _hidden(slide.adata[mask], slide.name), _places(slide)[mask], number)
        for number, (slide, mask) in enumerate(zip(slides, held_out.masks, strict=True))
    )
    count = sum(len(part.truth) for part in parts)
    said = f"{count:,} spots of {_listed(slides)}, a quarter drawn at random"
    caution = (
        "Neighbors of a held-out spot stay in training, so cells of another experiment may lie "
        "further off: the comparison counts more than the distance."
    )
    return said, [Fold(held_out.seen, parts)], [caution]


def _sections(slides: Sequence[contract.Prepared], seed: int) -> Made:
    if len(slides) < 2:
        raise InputError(
            "Expected at least 2 sections, to hold one out; found 1.",
            remedy=f"Try another {argument('references')}, or {argument('hold_out', 'spots')}.",
        )
    by_name = {slide.name: slide.adata for slide in slides}
    prepared = {slide.name: slide for slide in slides}
    folds = []
    for section in held_out_sections(by_name):
        others = tuple(prepared[name] for name in section.references)
        cells = contract.prepare_query(section.query, f"{section.name} (held out)")
        truth = np.asarray(section.truth, float)[cells.kept]
        folds.append(Fold(others, (Part(section.name, cells, truth, posed=True),)))
    count = sum(len(fold.parts[0].truth) for fold in folds)
    said = f"each of {len(slides)} sections in turn ({count:,} spots of {_listed(slides)})"
    caution = (
        "A section has a frame of its own: distances are measured after the turn and shift that "
        "fit best, without a change of size."
    )
    return said, folds, [caution]


def _cells(slides: Sequence[contract.Prepared], seed: int) -> Made:
    folds = []
    for slide in slides:
        if SlideScale.read(slide.adata).spot_diameter is not None:
            raise InputError(
                "Expected a slide of single cells, to hold some of them out; found spots.",
                remedy=f"Try {argument('hold_out', 'spots')}.",
                where=slide.name,
            )
        spots, cells, truth = hold_out_cells(slide.adata, seed=seed, max_query=_CELLS)
        seen = prepare_slides({slide.name: spots})[0]
        query = contract.prepare_query(cells, f"{slide.name} (held out)")
        folds.append(Fold((seen,), (Part(slide.name, query, truth[query.kept]),)))
    count = sum(len(fold.parts[0].truth) for fold in folds)
    said = f"{count:,} cells of {_listed(slides)}; the slide is sums of the other half of its cells"
    return said, folds, []


def _shared(
    slides: Sequence[contract.Prepared], cells: contract.Prepared
) -> list[contract.Prepared]:
    """Return slides with the genes that they and the cells have in common."""
    tables = (*slides, cells)
    match = match_genes([t.adata.var for t in tables], [t.name for t in tables])
    return [
        replace(slide, adata=slide.adata[:, index].copy())
        for slide, index in zip(slides, match.indices, strict=False)
    ]


def _least_spots() -> int:
    """Return the fewest spots of which a quarter can be held out."""
    return next(n for n in range(1, 1000) if round(SHARE * n) >= LEAST_SPOTS)


def _hidden(spots: AnnData, name: str) -> contract.Prepared:
    return contract.prepare_query(hide_places(spots), f"{name} (held out)")


def _places(slide: contract.Prepared) -> Points:
    return contract.coordinates(slide.adata)


def _listed(slides: Sequence[contract.Prepared]) -> str:
    names = [slide.name for slide in slides]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
