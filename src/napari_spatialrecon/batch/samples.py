"""The table of a batch: a row for each sample, a column for each option."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_spatialrecon.errors import InputError

#: The column of names.
NAME = "sample"
_LONGEST = 100
_UNSAFE = frozenset('/\\:*?"<>|')


@dataclass(frozen=True)
class Sample:
    """A row.

    Parameters
    ----------
    name
        Its results are called so.
    options
        What its other cells hold, by their column; empty cells are left out.
    line
        Its line in the file, from 1.
    """

    name: str
    options: Mapping[str, str]
    line: int


def read_samples(path: str | Path) -> list[Sample]:
    """Read a table of samples, separated by commas, semicolons or tabs.

    Raises
    ------
    InputError
        There is no such file, or it is no such table; every problem is named.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        separator = max(",;\t", key=lines[0].count) if lines else ","
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(
            f"Expected a table of samples, found none: {getattr(error, 'strerror', error)}.",
            remedy=f"Try a .csv file with a column '{NAME}' and one for each option.",
            where=str(path),
        ) from error
    header = rows[0] if rows else []
    if NAME not in header or not any(map(any, rows[1:])):
        found = ", ".join(filter(None, header)) or "nothing"
        raise InputError(
            f"Expected a column '{NAME}' and a row for each sample, found {found}.",
            remedy=f"Try a first line such as: {NAME},query,reference",
            where=str(path),
        )
    samples, problems = [], _header_problems(header)
    for line, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        if len(row) != len(header):
            problems.append(f"line {line} has {len(row)} cells, not {len(header)}")
            continue
        given = dict(zip(header, row, strict=True))
        name = given.pop(NAME)
        problems += [f"line {line}: {problem}" for problem in _name_problems(name)]
        samples.append(Sample(name, {k: v for k, v in given.items() if v}, line))
    often = [name for name, times in Counter(s.name for s in samples).items() if times > 1]
    problems += [f"{name!r} stands {sum(s.name == name for s in samples)} times" for name in often]
    if problems:
        raise InputError(
            f"Expected a table with a row for each sample, found: {'; '.join(problems)}.",
            remedy="Try another name for each, and as many cells in a row as in the first.",
            where=str(path),
        )
    return samples


def _header_problems(header: list[str]) -> list[str]:
    often = [name for name, times in Counter(header).items() if times > 1 and name]
    empty = ["a column without a name"] if "" in header else []
    return [f"two columns {name!r}" for name in often] + empty


def _name_problems(name: str) -> list[str]:
    """Return what keeps a name from being that of a file on some system."""
    if not name:
        return ["no name"]
    unsafe = sorted({c for c in name if c in _UNSAFE or not c.isprintable()})
    if unsafe or name.startswith((".", "-")) or name.endswith("."):
        return [f"{name!r} cannot be the name of a file"]
    return [f"a name of {len(name)} characters"] if len(name) > _LONGEST else []
