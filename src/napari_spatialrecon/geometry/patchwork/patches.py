"""Overlapping patches that cover all cells: step 2 of GEARS inference (section 3.5)."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.progress import Reporter

#: Random walks from the first cell of a patch, and the maximum number of steps of each.
_WALKS, _STEPS = 16, 60


def cover(
    graph: csr_matrix,
    size: int,
    *,
    coverage: int = 4,
    overlap: int = 25,
    walk_share: float = 0.5,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> np.ndarray:
    """Return patches of `size` cells with every cell in at least `coverage` of them.

    Step 2 of section 3.5. A patch starts at a cell that is in the fewest patches so far. Random
    walks from it collect `walk_share` of the patch, and the cells in the fewest patches fill the
    rest: walks alone leave cells uncovered and patches disconnected. Each patch shares at least
    `overlap` cells with an earlier one, so that all are connected even if the graph is not. Time
    and memory are linear in the cells.

    Parameters
    ----------
    graph : (n, n) csr
        Symmetric neighbour graph (see `locality_graph`). Walks take its edges with equal
        probability.
    size
        Cells per patch. If there are no more cells than that, one patch holds all of them.
    coverage
        At least 1.
    overlap
        At most what walks leave of a patch, and three quarters of it: each adds new cells.
    walk_share
        From 0 (random patches) to 0.75.
    seed
        Seed of all random choices.

    Returns
    -------
    (n_patches, size) int
        Cells of each patch, without duplicates; (1, n) if one patch is enough.

    Raises
    ------
    InputError
        An option is out of bounds.

    Examples
    --------
    >>> ring = csr_matrix(np.roll(np.eye(100), 1, axis=1) + np.roll(np.eye(100), -1, axis=1))
    >>> patches = cover(ring, 40, overlap=10)
    >>> patches.shape[1], int(np.bincount(patches.ravel()).min())
    (40, 4)
    """
    n = graph.shape[0]
    if size < 8 or coverage < 1 or not 0 <= walk_share <= 0.75:
        raise InputError(
            "Expected patches of at least 8 cells, a coverage of at least 1 and a share of walks "
            f"from 0 to 0.75, found {size}, {coverage} and {walk_share:g}."
        )
    if n <= size:
        return np.arange(n)[None]
    most = size - max(round(walk_share * size), size // 4)
    if not 0 <= overlap <= most:
        raise InputError(
            f"Expected an overlap from 0 to {most}, found {overlap}.",
            remedy="Try larger patches.",
        )
    reporter = reporter or Reporter()
    reporter.begin("Choosing patches")
    generator = np.random.default_rng(seed)
    tally = _Tally(n, coverage, generator)
    patches: list[np.ndarray] = []
    while tally.behind:
        reporter.check()
        tally.open(size)
        tally.add(tally.fewest(1))
        if walk_share:
            walked = _walk(graph, tally.patch[0], round(walk_share * size), generator)
            tally.add(walked)
        if patches:
            _lean(tally, patches, overlap, generator)
        while tally.room:
            tally.add(tally.fewest(tally.room))
        patches.append(tally.close(len(patches)))
    return np.stack(patches)


class _Tally:
    """Number of patches of each cell, and the patch being filled.

    Parameters
    ----------
    n
        Number of cells.
    coverage
        Required number of patches per cell.
    generator
        Orders the cells that are in the same number of patches.

    Attributes
    ----------
    behind : int
        Cells that are in too few patches.
    latest : (n,) int
        The last complete patch of each cell, -1 if there is none.
    """

    def __init__(self, n: int, coverage: int, generator: np.random.Generator) -> None:
        self._counts = np.zeros(n, np.int64)
        self._inside = np.zeros(n, bool)
        self._coverage, self._generator = coverage, generator
        self._queue, self._next = np.empty(0, np.intp), 0
        self.latest = np.full(n, -1)
        self.behind = n

    def open(self, size: int) -> None:
        """Start an empty patch."""
        self._cells, self.room = np.empty(size, np.intp), size

    @property
    def patch(self) -> np.ndarray:
        """Number of cells so far."""
        return self._cells[: len(self._cells) - self.room]

    def inside(self, cells: np.ndarray) -> np.ndarray:
        """Whether each of the `cells` is in the patch."""
        return self._inside[cells]

    def add(self, cells: np.ndarray) -> None:
        """Add `cells` (no duplicates) that are not yet in the patch, as far as there is room."""
        cells = cells[~self._inside[cells]][: self.room]
        filled = len(self._cells) - self.room
        self._cells[filled : filled + len(cells)] = cells
        self.room -= len(cells)
        self._inside[cells] = True
        self._counts[cells] += 1
        self.behind -= int((self._counts[cells] == self._coverage).sum())

    def fewest(self, most: int) -> np.ndarray:
        """Return up to `most` cells, at least one, outside the patch and in the fewest patches."""
        found = np.empty(0, np.intp)
        while not len(found):
            if self._next >= len(self._queue):
                outside = np.flatnonzero(~self._inside)
                counts = self._counts[outside]
                self._level = counts.min()
                self._queue = self._generator.permutation(outside[counts == self._level])
                self._next = 0
            part = self._queue[self._next : self._next + most]
            self._next += len(part)
            found = part[(self._counts[part] == self._level) & ~self._inside[part]]
        return found

    def close(self, number: int) -> np.ndarray:
        """Return the full patch."""
        self._inside[self._cells] = False
        self.latest[self._cells] = number
        return self._cells


def _walk(graph: csr_matrix, start: int, most: int, generator: np.random.Generator) -> np.ndarray:
    """Return up to `most` different cells in the order in which walks from `start` visit them."""
    starts = graph.indptr
    here = np.full(_WALKS, start)
    path = [here]
    if starts[start] < starts[start + 1]:
        for chances in generator.random((_STEPS, _WALKS)):
            degrees = starts[here + 1] - starts[here]
            here = graph.indices[starts[here] + (chances * degrees).astype(np.intp)]
            path.append(here)
    met = np.concatenate(path)
    cells, first = np.unique(met, return_index=True)
    return cells[np.argsort(first)][:most]


def _lean(
    tally: _Tally, patches: list[np.ndarray], overlap: int, generator: np.random.Generator
) -> None:
    """Make the patch share `overlap` cells with the earlier patch that it overlaps most."""
    latest = tally.latest[tally.patch]
    latest = latest[latest >= 0]
    if len(latest):
        numbers, votes = np.unique(latest, return_counts=True)
        parent = patches[numbers[votes.argmax()]]
    else:
        parent = patches[int(generator.integers(len(patches)))]
    shared = tally.inside(parent)
    missing = max(0, overlap - int(shared.sum()))
    tally.add(generator.permutation(parent[~shared])[:missing])
