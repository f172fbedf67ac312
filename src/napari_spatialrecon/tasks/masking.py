"""A user's own pairs of spots, the only ones whose distances a method learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.methods.registry import METHODS, MethodInfo
from napari_spatialrecon.tissue.contract import Prepared

#: Pairs of each slide that count, by its name: (n_spots, n_spots), symmetric, dense or sparse.
PairMasks = Mapping[str, "np.ndarray | sparse.spmatrix | sparse.sparray"]


def masks_for(
    info: MethodInfo, masks: PairMasks | None, slides: Sequence[Prepared], model: object = None
) -> list[sparse.csr_matrix | None] | None:
    """Return the mask of each prepared slide, None where all its pairs count.

    Parameters
    ----------
    masks
        In the order of the rows of the slides as they were given; rows that were left out for
        want of counts are left out of the masks too.
    model
        A fitted model, if one is given; it learns no more.

    Raises
    ------
    InputError
        The method takes no masks, or is trained already.
    ValidationError
        A mask is of no slide, of another size, or not symmetric.
    """
    if masks is None:
        return None
    if not info.takes_masks or model is not None:
        given = "a model that is trained already" if info.takes_masks else f"method {info.name}"
        takes = " or ".join(argument("method", i.name) for i in METHODS if i.takes_masks)
        raise InputError(
            f"Expected a method that learns from some pairs only, found {given}.",
            remedy=f"Try {takes} without a model, or leave out {argument('masks')}.",
        )
    names = [slide.name for slide in slides]
    where = argument("masks")
    problems = [
        Problem(where, f"Expected a slide for each mask, found none named {name!r}.", _among(names))
        for name in masks
        if name not in names
    ]
    found = [_of_slide(slide, masks.get(slide.name), problems) for slide in slides]
    if problems:
        raise ValidationError(problems)
    return found


def _among(names: Sequence[str]) -> str:
    return f"Try {' or '.join(names)}."


def _of_slide(slide: Prepared, given: Any, problems: list[Problem]) -> sparse.csr_matrix | None:
    if given is None:
        return None
    mask, n = sparse.csr_matrix(given).astype(bool), len(slide.kept)
    where = f"{slide.name}: {argument('masks')}"
    if mask.shape != (n, n):
        wrong = f"Expected a mask of {n} x {n} spots, found {mask.shape}."
        problems.append(Problem(where, wrong))
    elif (mask != mask.T).nnz:
        wrong = "Expected a symmetric mask, found another."
        problems.append(Problem(where, wrong, "Try mask | mask.T."))
    else:
        return mask[slide.kept][:, slide.kept].tocsr()
    return None
