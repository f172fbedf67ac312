"""SpatialData objects as inputs of functions that take AnnData tables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

from anndata import AnnData

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.faces import literal
from napari_spatialrecon.tissue.sdata.library import is_spatialdata

if TYPE_CHECKING:
    from spatialdata import SpatialData

P = ParamSpec("P")
R = TypeVar("R")
Table: TypeAlias = "AnnData | SpatialData"
"""What functions take that are marked with `takes_spatialdata`; inside, it is an AnnData."""


def takes_spatialdata(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that takes a SpatialData object wherever it took an AnnData.

    An argument, or a value of a mapping or a list of slides, that is a SpatialData object is read
    as `read_adata` reads it. An object that needs a choice is refused with the call that makes it.

    Examples
    --------
    >>> @takes_spatialdata
    ... def rows(adata):
    ...     return adata.n_obs
    >>> rows(sdata)  # doctest: +SKIP
    181
    """

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        tables: Any = [_as_table(value) for value in args]
        named: Any = {name: _as_table(value, name) for name, value in kwargs.items()}
        return function(*tables, **named)

    return called


def _as_table(value: Any, name: str = "") -> Any:
    if is_spatialdata(value):
        return _read(value, name)
    if isinstance(value, Mapping) and any(map(is_spatialdata, value.values())):
        return {key: _as_table(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple) and any(map(is_spatialdata, value)):
        return type(value)(_as_table(one, name) for one in value)
    return value


def _read(sdata: Any, name: str) -> Any:
    from napari_spatialrecon.tissue.read import read_adata

    try:
        return read_adata(sdata)
    except ChoiceError as error:
        choice = f"{error.option}={literal(error.choices[0])}"
        raise InputError(
            error.problem.message,
            remedy=f"Try read_adata(sdata, {choice}) in place of sdata.",
            where=name or error.problem.where,
        ) from error
