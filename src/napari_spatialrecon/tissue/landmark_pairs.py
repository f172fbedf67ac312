"""Reading and writing of landmark pairs: the same points on a slide and on an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from napari_spatialrecon import storage
from napari_spatialrecon.errors import Problem, ValidationError
from napari_spatialrecon.tissue.landmarks import FLAGS, read_text_table

COLUMNS = ("x", "y", "ref_x", "ref_y")
_LISTED = 20


@dataclass(frozen=True, eq=False)
class LandmarkPairs:
    """The same points in two frames.

    Parameters
    ----------
    query : (k, 2) float, (x, y)
        On the slide, in the unit of its ``obsm["spatial"]``.
    ref : (k, 2) float, (x, y)
        On the image, in the frame and unit of the slide that it belongs to.
    enabled : (k,) bool
        Which pairs are used.
    """

    query: np.ndarray
    ref: np.ndarray
    enabled: np.ndarray


def read_pairs(path: str | Path) -> LandmarkPairs:
    """Read pairs from the columns ``x``, ``y``, ``ref_x``, ``ref_y`` and, optionally, ``enabled``.

    Parameters
    ----------
    path
        CSV with a header; commas, semicolons or tabs.

    Returns
    -------
    LandmarkPairs
        ``query`` and ``ref``, each (k, 2) float, (x, y), in the units of their slides.

    Raises
    ------
    InputError
        The file cannot be read.
    ValidationError
        Lists all problems: missing columns, coordinates that are not numbers.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> pairs = sr.read_pairs("pairs.csv")  # doctest: +SKIP
    """
    table, numbers, problems = read_pair_columns(path, COLUMNS, "landmark pairs")
    enabled = np.ones(len(table), bool)
    for line, text in enumerate(table.get("enabled", ())):
        if text.lower() not in FLAGS:
            message = f"Expected true or false under enabled, found {text!r}."
            problems.append(Problem(f"{path}: line {line + 2}", message, "Try true or false."))
        enabled[line] = FLAGS.get(text.lower(), True)
    refuse(problems, path)
    return LandmarkPairs(numbers[:, :2], numbers[:, 2:], enabled)


def read_pair_columns(
    path: str | Path, columns: Sequence[str], what: str
) -> tuple[pd.DataFrame, np.ndarray, list[Problem]]:
    """Return a table of text, the (k, 4) numbers of four of its columns, and what is wrong with it.

    Parameters
    ----------
    columns
        In the order of the numbers; upper and lower case are the same.
    what
        Content of the file, for messages.

    Raises
    ------
    InputError
        The file cannot be read.
    ValidationError
        Columns are missing.
    """
    named = ", ".join(columns)
    keys = [name.lower() for name in columns]
    table = read_text_table(Path(path), what, f"the columns {named}")
    lacking = [name for name, key in zip(columns, keys, strict=True) if key not in table]
    if lacking:
        found = ", ".join(map(str, table.columns[:8])) or "none"
        raise ValidationError(
            [
                Problem(
                    str(path),
                    f"Expected the columns {named}, found {found}.",
                    f"Try adding or renaming: {', '.join(lacking)}.",
                )
            ]
        )
    numbers = table[keys].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    problems = [
        Problem(
            f"{path}: line {line + 2}",
            f"Expected four finite numbers, found {', '.join(table[keys].iloc[line])!r}.",
            "Try a decimal point and no unit.",
        )
        for line in np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    ]
    return table, numbers, problems


def refuse(problems: list[Problem], path: str | Path) -> None:
    """Raise a `ValidationError` of the first problems, if there are any."""
    if len(problems) > _LISTED:
        rest = len(problems) - _LISTED
        problems = [*problems[:_LISTED], Problem(str(path), f"And {rest} more of this kind.")]
    if problems:
        raise ValidationError(problems)


def write_pairs(pairs: LandmarkPairs, path: str | Path) -> Path:
    """Write pairs in the format of `read_pairs`, atomically."""
    table = pd.DataFrame(np.hstack([pairs.query, pairs.ref]), columns=list(COLUMNS))
    table["enabled"] = pairs.enabled
    with storage.atomic_file(path) as temporary:
        table.to_csv(temporary, index=False)
    return Path(path)
