"""Search over the names of columns and genes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 60
"""Names of each group that are listed."""


@dataclass(frozen=True)
class Group:
    """Names under a heading, if it has one, best first; `more` further ones are not listed."""

    title: str
    names: tuple[str, ...]
    more: int = 0


class NameIndex:
    """Finds names by their beginning, then by a part; ignores case.

    Parameters
    ----------
    columns
        Listed in this order while nothing is typed.
    genes
        Sorted here; "CD4" stands before "CD14" only if it matches better.

    Examples
    --------
    >>> index = NameIndex(["cell_type"], ["SERBP1", "ERBB2", "ERBB3"])
    >>> [(group.title, group.names) for group in index.search("erb")]
    [('Genes', ('ERBB2', 'ERBB3', 'SERBP1'))]
    """

    def __init__(self, columns: Sequence[str], genes: Sequence[str]) -> None:
        self.columns = list(columns)
        self._columns = sorted((name.casefold(), name) for name in columns)
        self._genes = sorted((name.casefold(), name) for name in genes)
        self._known = dict([*self._genes, *self._columns])

    def __len__(self) -> int:
        return len(self._columns) + len(self._genes)

    @property
    def genes(self) -> list[str]:
        """All genes, sorted."""
        return [name for _, name in self._genes]

    def exact(self, text: str) -> str | None:
        """Return the name that is typed in full, whatever its case."""
        return self._known.get(text.strip().casefold())

    def search(self, text: str, recent: Sequence[str] = ()) -> list[Group]:
        """Return the names that match, the group with the better match first.

        Parameters
        ----------
        recent
            Names chosen before, the last one first; listed while nothing is typed.
        """
        wanted = text.strip().casefold()
        if not wanted:
            known = tuple(name for name in recent if self.exact(name) == name)
            groups = [Group("Recent", known), Group("Columns", tuple(self.columns))]
            groups.append(_group("Genes", [name for _, name in self._genes[: MOST + 1]]))
            total = len(self._genes)
            groups[-1] = Group("Genes", groups[-1].names, max(0, total - MOST))
            return [group for group in groups if group.names]
        genes, of_genes = _matches(self._genes, wanted)
        columns, of_columns = _matches(self._columns, wanted)
        found = [(of_genes, _group("Genes", genes)), (of_columns, _group("Columns", columns))]
        found.sort(key=lambda pair: pair[0])
        return [group for _, group in found if group.names]


def _matches(names: list[tuple[str, str]], wanted: str) -> tuple[list[str], int]:
    """Return the names that match, and how well the first does: 0 in full, 1 begins, 2 contains."""
    start = bisect_left(names, (wanted,))
    end = bisect_left(names, (wanted + "\U0010ffff",))
    begin = [name for _, name in names[start:end]]
    rest = (*names[:start], *names[end:])
    inside = [name for folded, name in rest if wanted in folded]
    rank = 2
    if begin:
        rank = 0 if names[start][0] == wanted else 1
    return begin + inside, rank


def _group(title: str, names: list[str]) -> Group:
    return Group(title, tuple(names[:MOST]), max(0, len(names) - MOST))
