"""Reading and writing of landmarks: cells with known positions."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.geometry.solver.landmarks import Landmarks

#: Accepted words for true and false; empty means true.
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": True}

#: Number of problems listed in full; the rest are counted.
_LISTED = 20

#: Number of unknown cells that get a "Did you mean", and of names searched for each.
_HINTED, _SEARCHED = 5, 5000


def read_landmarks(path: str | Path, obs_names: Sequence[str]) -> Landmarks:
    """Read the landmarks of a query from a CSV file.

    Parameters
    ----------
    path
        Text with a header and the columns ``obs_name``, ``x``, ``y`` in the unit of the target
        frame, and optionally ``hard`` (true or false, default true) and ``weight`` (above 0, pull
        of soft landmarks, default 10). Other columns are ignored; commas, semicolons or tabs.
    obs_names : (n_cells,) str
        Names of the query's cells, without duplicates.

    Returns
    -------
    Landmarks
        In the order of the file.

    Raises
    ------
    InputError
        The file cannot be read.
    ValidationError
        Lists all problems: missing columns, unknown or repeated cells, positions that are not
        numbers, fewer than 3 landmarks, all on one line.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "known.csv"
    >>> _ = path.write_text(chr(10).join(["obs_name,x,y", "a,0,0", "b,9,0", "c,0,5"]))
    >>> read_landmarks(path, ["c", "b", "a"]).places.tolist()
    [[0.0, 0.0], [9.0, 0.0], [0.0, 5.0]]
    """
    table = read_text_table(Path(path), "landmarks", "the columns obs_name, x and y")
    lacking = [name for name in ("obs_name", "x", "y") if name not in table]
    if lacking:
        found = ", ".join(map(str, table.columns[:8]))
        raise ValidationError(
            [
                Problem(
                    str(path),
                    f"Expected the columns obs_name, x and y, found {found or 'none'}.",
                    f"Try adding or renaming: {', '.join(lacking)}.",
                )
            ]
        )
    names = table["obs_name"].to_numpy(str)
    rows = pd.Index(obs_names).get_indexer(names)
    numbers = {c: pd.to_numeric(table[c], errors="coerce").to_numpy(float) for c in ("x", "y")}
    places = np.column_stack([numbers["x"], numbers["y"]])
    hard, weights, problems = _options(table, str(path))
    problems += _cell_problems(names, rows, obs_names, str(path))
    for line in np.flatnonzero(~np.isfinite(places).all(axis=1)):
        text = f"{table['x'].iloc[line]!r}, {table['y'].iloc[line]!r}"
        problems.append(
            Problem(
                f"{path}: line {line + 2}",
                f"Expected two numbers for the position of {names[line]}, found {text}.",
                "Try a decimal point and no unit.",
            )
        )
    known = np.flatnonzero((rows >= 0) & np.isfinite(places).all(axis=1))
    if not problems or len(table) < 3:
        try:
            return _landmarks(known, rows, places, hard, weights, problems)
        except InputError as error:
            problems.append(Problem(str(path), error.problem.message, error.problem.remedy))
    if len(problems) > _LISTED:
        rest = len(problems) - _LISTED
        problems = [*problems[:_LISTED], Problem(str(path), f"And {rest} more of this kind.")]
    raise ValidationError(problems)


def write_landmarks(path: str | Path, landmarks: Landmarks, obs_names: Sequence[str]) -> Path:
    """Write landmarks in the format of `read_landmarks`, atomically."""
    table = pd.DataFrame(
        {
            "obs_name": np.asarray(obs_names)[landmarks.indices],
            "x": landmarks.places[:, 0],
            "y": landmarks.places[:, 1],
            "hard": landmarks.hard,
            "weight": landmarks.weights,
        }
    )
    with storage.atomic_file(path) as temporary:
        table.to_csv(temporary, index=False)
    return Path(path)


def _landmarks(
    known: np.ndarray,
    rows: np.ndarray,
    places: np.ndarray,
    hard: np.ndarray,
    weights: np.ndarray,
    problems: list[Problem],
) -> Landmarks:
    found = Landmarks(rows[known], places[known], hard[known], weights[known])
    if problems:
        raise ValidationError(problems)
    return found


def read_text_table(path: Path, what: str, remedy: str) -> pd.DataFrame:
    """Return a table of strings from text with a header, separated by commas, semicolons or tabs.

    Parameters
    ----------
    path
        The file, in UTF-8.
    what, remedy
        Content of the file, and what to try instead, for messages.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        header = text.partition("\n")[0]
        separator = max(",;\t", key=header.count)
        _refuse_long_lines(text, separator)
        table = pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig", na_filter=False)
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(
            f"Expected a CSV file of {what}, found: {reason}.",
            remedy=f"Try a file with {remedy}.",
            where=str(path),
        ) from error
    table.columns = [str(c).strip().lower() for c in table.columns]
    return table.apply(lambda column: column.str.strip())


def _refuse_long_lines(text: str, separator: str) -> None:
    """Refuse a first line of values that pandas would take for an index of many columns.

    One value more than columns is the name of a row, as R writes it.
    """
    filled = (line for line in text.splitlines() if line.strip())
    counts = [len(row) for row in csv.reader(islice(filled, 2), delimiter=separator)]
    if len(counts) == 2 and counts[1] > counts[0] + 1:
        raise ValueError(f"{counts[1]:,} values for {counts[0]} columns in its first line")


def _options(table: pd.DataFrame, where: str) -> tuple[np.ndarray, np.ndarray, list[Problem]]:
    problems = []
    hard, weights = np.ones(len(table), bool), np.full(len(table), 10.0)
    for line, text in enumerate(table.get("hard", ())):
        if text.lower() not in FLAGS:
            message = f"Expected true or false under hard, found {text!r}."
            problems.append(Problem(f"{where}: line {line + 2}", message))
        hard[line] = FLAGS.get(text.lower(), True)
    for line, text in enumerate(table.get("weight", ())):
        weight = pd.to_numeric(text or "10", errors="coerce")
        if not (np.isfinite(weight) and weight > 0):
            message = f"Expected a weight above 0, found {text!r}."
            problems.append(Problem(f"{where}: line {line + 2}", message, "Try 10."))
        weights[line] = weight
    return hard, weights, problems


def _cell_problems(
    names: np.ndarray, rows: np.ndarray, obs_names: Sequence[str], where: str
) -> list[Problem]:
    problems = []
    unknown = np.flatnonzero(rows < 0).tolist()
    for order, line in enumerate(unknown):
        hint = _hint(names[line], obs_names) if order < _HINTED else ""
        problems.append(
            Problem(
                f"{where}: line {line + 2}",
                f"Expected a cell of the query, found {str(names[line])!r}.",
                hint or "Try a name of the query's obs_names.",
            )
        )
    first: dict[str, int] = {}
    for line, name in enumerate(names.tolist()):
        if name in first:
            problems.append(
                Problem(
                    f"{where}: line {line + 2}",
                    f"Expected each cell once, found {name} also on line {first[name] + 2}.",
                    "Try keeping one of the two.",
                )
            )
        first.setdefault(name, line)
    return problems


def _hint(name: str, obs_names: Sequence[str]) -> str:
    alike = [n for n in obs_names if n[:3].lower() == name[:3].lower()] or list(obs_names)
    close = difflib.get_close_matches(name, alike[:_SEARCHED], n=2, cutoff=0.7)
    return f"Did you mean {' or '.join(close)}?" if close else ""
