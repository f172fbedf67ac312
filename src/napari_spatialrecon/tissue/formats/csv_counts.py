"""Tables of counts in CSV, read in blocks and kept sparse: some are larger than the memory."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError

#: Values in a block.
_BLOCK = 16_000_000


def header(path: Path, separator: str = ",") -> list[str]:
    """Return the column names of a Parquet, CSV or text table (compressed or not).

    Lines of comments (#) before them are skipped.

    Raises
    ------
    InputError
        The file is empty or cannot be read as text.
    """
    if path.suffix == ".parquet":
        return [str(name) for name in table(path).columns]
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
            lines = (line for line in stream if not line.startswith("#"))
            names = next(csv.reader(lines, delimiter=separator))
    except StopIteration as error:
        raise InputError(
            "Expected a table, found an empty file.",
            remedy="Try another copy of the file.",
            where=str(path),
        ) from error
    except (OSError, UnicodeError, EOFError, csv.Error) as error:
        raise damaged(path, error) from error
    return [name.strip() for name in names]


def damaged(path: Path, error: Exception) -> InputError:
    """Return the error for a table that cannot be parsed."""
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return InputError(
        f"Expected a table that can be parsed, found a file that cannot ({reason}).",
        remedy="Try copying or downloading it again.",
        where=str(path),
    )


def table(path: Path, **options: Any) -> pd.DataFrame:
    """Return a small CSV or Parquet table.

    Raises
    ------
    InputError
        It cannot be parsed.
    """
    try:
        if path.suffix == ".parquet":
            found = pd.read_parquet(path)
            return found if isinstance(found.index, pd.RangeIndex) else found.reset_index()
        return pd.read_csv(path, encoding="utf-8-sig", **options)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, error) from error


def named(path: Path, column: str) -> pd.DataFrame:
    """Return a small table with the text of a column as its index; "" is one without name.

    Columns of numbers of rows, as R writes them, are excluded.
    """
    if path.suffix == ".parquet":
        read = table(path)
    else:
        names = header(path)
        read = table(path, header=None, skiprows=1, dtype={names.index(column): str})
        read.columns = pd.Index(names)
    read = read.set_index(read[column].astype(str)).rename_axis(None)
    return read.drop(columns=[c for c in (column, "", "Unnamed: 0") if c in read])


def missing_columns(path: Path, found: Sequence[str], needed: Sequence[str]) -> list[str]:
    """Return a sentence on columns that a table lacks, or nothing."""
    lacking = [name for name in needed if name not in found]
    if not lacking:
        return []
    return [
        f"{path.name} has no column {', '.join(lacking)}; its columns start with "
        f"{', '.join(map(str, list(found)[:8]))}."
    ]


#: Names of columns that hold names of cells or, as R writes them, numbers of rows.
_NAMING = ("cell", "EntityID", "label", "cell_id", "X", "", "Unnamed: 0")


def naming_columns(counts: Path, places: Path) -> tuple[str, str, list[str]]:
    """Return the columns that name cells in a table of counts and in one of places.

    Where a table has several that may, those are taken whose names agree most.

    Returns
    -------
    The two columns, and those of counts that are neither it nor genes; "" is one without name.
    """
    found = {path: _naming(path) for path in (counts, places)}
    chosen = (found[counts][0], found[places][0])
    if max(map(len, found.values())) > 1:
        values = {path: _texts(path, columns) for path, columns in found.items()}
        pairs = [(c, p) for c in found[counts] for p in found[places]]
        shared = [len(values[counts][c] & values[places][p]) for c, p in pairs]
        chosen = pairs[int(np.argmax(shared))]
    return (*chosen, [name for name in found[counts] if name != chosen[0]])


def _naming(path: Path) -> list[str]:
    names = header(path)
    return [name for name in _NAMING if name in names] or names[:1]


def _texts(path: Path, columns: Sequence[str]) -> dict[str, set[str]]:
    if path.suffix == ".parquet":
        return {name: set(table(path)[name].astype(str)) for name in columns}
    at = {name: header(path).index(name) for name in columns}
    read = table(path, header=None, skiprows=1, usecols=sorted(at.values()), dtype=str)
    return {name: set(read[number].astype(str)) for name, number in at.items()}


def cells_by_genes(
    path: Path, labels: Sequence[str], *, separator: str = ",", leave: Sequence[str] = ()
) -> tuple[sparse.csr_matrix, pd.DataFrame, list[str]]:
    """Return counts, labels and genes of a table with a row per cell.

    Parameters
    ----------
    labels
        Columns that name a cell; "" is a column without name. They are read as text.
    leave
        Further columns that are not genes; excluded.

    Returns
    -------
    ((n, genes) csr float32, (n, labels) str, names of genes).

    Raises
    ------
    InputError
        A value of a gene is not a number, or the file cannot be parsed.
    """
    names = header(path, separator)
    skipped = {*leave}
    at = [names.index(label) for label in labels]
    genes = [i for i, n in enumerate(names) if i not in at and n not in skipped and n]
    kinds: dict[int, Any] = {**dict.fromkeys(genes, np.float32), **dict.fromkeys(at, str)}
    blocks, rows = [], []
    try:
        reader = pd.read_csv(
            path,
            sep=separator,
            header=None,
            skiprows=1,
            names=range(len(names)),
            index_col=False,
            usecols=sorted([*at, *genes]),
            dtype=kinds,
            chunksize=max(1, _BLOCK // max(1, len(names))),
            encoding="utf-8-sig",
        )
        for block in reader:
            blocks.append(sparse.csr_matrix(block[genes].fillna(0).to_numpy(np.float32)))
            rows.append(block[at])
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, error) from error
    if not blocks:
        raise InputError("Expected rows of counts, found none.", where=str(path))
    found = pd.concat(rows, ignore_index=True)
    found.columns = pd.Index(labels)
    return sparse.csr_matrix(sparse.vstack(blocks)), found, [names[i] for i in genes]


def genes_by_cells(path: Path, separator: str = ",") -> AnnData:
    """Return a table with a row per gene and a column per cell as cells by genes.

    The first column names the genes. As R writes it, the header may lack the name of that column.
    Rows are read one by one: a column per cell is more than a data frame takes well.

    Raises
    ------
    InputError
        A value is not a number, or the file cannot be parsed.
    """
    names = header(path, separator)
    opened = gzip.open if path.suffix == ".gz" else open
    rows, genes, width = [], [], None
    try:
        with opened(path, "rt", encoding="utf-8-sig") as stream:
            lines = (line for line in stream if not line.startswith("#"))
            next(lines)
            for line in lines:
                gene, _, rest = line.rstrip("\r\n").partition(separator)
                if not gene:
                    continue
                values = np.array(rest.split(separator), dtype=np.float32)
                if width not in (None, len(values)):
                    raise ValueError(f"{gene[:40]} has {len(values)} values, others {width}")
                width = len(values)
                rows.append(sparse.csr_matrix(values))
                genes.append(gene.strip('"'))
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, error) from error
    if not rows:
        raise InputError("Expected rows of counts, found none.", where=str(path))
    matrix = sparse.csr_matrix(sparse.vstack(rows).T)
    return counts_table(matrix, names[-matrix.shape[0] :], genes)


def counts_table(matrix: sparse.csr_matrix, cells: Sequence[str], genes: Sequence[str]) -> AnnData:
    """Return counts (n, genes) as a table with names."""
    return AnnData(
        matrix,
        obs=pd.DataFrame(index=pd.Index(cells, dtype=str)),
        var=pd.DataFrame(index=pd.Index(genes, dtype=str)),
    )
