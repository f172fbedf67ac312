"""The distances measured by overlapping layouts of subsets of cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.progress import Reporter

#: Pairs of cells looked up at a time.
_CHUNK = 200_000


class Measurements:
    """Layouts of patches of cells, indexed to look up the distance of any pair.

    Parameters
    ----------
    patches : n_patches arrays (n_p,) int
        Cells of each patch, without duplicates.
    layouts : n_patches arrays (n_p, d) float
        Coordinates of these cells.
    n
        Number of cells.

    Attributes
    ----------
    n_patches : int
    cells, patch : (m,) int
        Cell and patch of every entry, patch by patch.
    points : (m, d) float
        Coordinates in that patch.
    entries : (m,) int
        All entries ordered by cell, then patch.
    starts : (n + 1,) int
        Where the entries of each cell begin in `entries`.

    Raises
    ------
    InputError
        Patches and layouts do not match, a number is not finite, or a cell is not among the `n` or
        occurs twice in a patch.
    """

    def __init__(
        self,
        patches: Sequence[np.ndarray] | np.ndarray,
        layouts: Sequence[np.ndarray] | np.ndarray,
        n: int,
    ) -> None:
        sizes = _sizes(patches, layouts)
        self.n_patches = len(sizes)
        self.cells = np.concatenate([np.asarray(p) for p in patches]).astype(np.intp)
        self.points = np.concatenate([np.asarray(y, float) for y in layouts])
        self.patch = np.repeat(np.arange(self.n_patches), sizes)
        if not np.isfinite(self.points).all():
            bad = np.unique(self.patch[~np.isfinite(self.points).all(axis=1)])
            raise InputError(
                f"Expected finite layouts, found {len(bad)} patches that are not finite."
            )
        if self.cells.min() < 0 or self.cells.max() >= n:
            raise InputError(f"Expected cells from 0 to {n - 1} in patches, found others.")
        keys = self.cells * self.n_patches + self.patch
        self.entries = np.argsort(keys, kind="stable")
        self._keys = keys[self.entries]
        if (np.diff(self._keys) == 0).any():
            raise InputError("Expected each cell once per patch, found one twice.")
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(self.cells, minlength=n))])
        self._bounds = np.concatenate([[0], np.cumsum(sizes)])

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the cells and the layout of each patch."""
        for start, stop in zip(self._bounds[:-1], self._bounds[1:], strict=True):
            yield self.cells[start:stop], self.points[start:stop]

    @property
    def support(self) -> np.ndarray:
        """Number of patches of each cell, (n,) int."""
        return np.diff(self.starts)

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the distances of entries `first` and `second`, (p,) int, of the same patch."""
        difference = self.points[first] - self.points[second]
        return np.asarray(np.sqrt(np.einsum("pd,pd->p", difference, difference)))

    def distances(
        self, first: np.ndarray, second: np.ndarray, reporter: Reporter
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return all measurements of pairs of cells, `first` with `second`, both (p,) int.

        Returns
        -------
        pair : (q,) int
            Index of the measured pair, in ascending order.
        patch : (q,) int
            Patch in which it was measured.
        distance : (q,) float
        """
        found = []
        for start in range(0, max(len(first), 1), _CHUNK):
            reporter.check()
            part = slice(start, start + _CHUNK)
            pair, here = self._entries_of(first[part])
            keys = second[part][pair] * self.n_patches + self.patch[here]
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            both = self._keys[at] == keys
            here, there = here[both], self.entries[at[both]]
            found.append((pair[both] + start, self.patch[here], self.between(here, there)))
        pairs, patches, distances = zip(*found, strict=True)
        return np.concatenate(pairs), np.concatenate(patches), np.concatenate(distances)

    def _entries_of(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the position in `cells` and the entry for every entry of all `cells`."""
        counts = self.support[cells]
        position = np.repeat(np.arange(len(cells)), counts)
        before = np.cumsum(counts) - counts
        own = np.arange(len(position)) - before[position]
        return position, self.entries[self.starts[cells][position] + own]


def _sizes(
    patches: Sequence[np.ndarray] | np.ndarray, layouts: Sequence[np.ndarray] | np.ndarray
) -> np.ndarray:
    if len(patches) != len(layouts) or not len(patches):
        raise InputError(
            f"Expected a layout for each of at least one patch, found {len(patches)} patches and "
            f"{len(layouts)} layouts."
        )
    shapes = [np.shape(y) for y in layouts]
    sizes = np.array([len(p) for p in patches])
    if (
        any(len(s) != 2 for s in shapes)
        or len({s[1] for s in shapes}) != 1
        or any(s[0] != size for s, size in zip(shapes, sizes, strict=True))
        or sizes.sum() == 0
    ):
        raise InputError("Expected layouts (n_p, d) of one d, with one row per cell of the patch.")
    return sizes
