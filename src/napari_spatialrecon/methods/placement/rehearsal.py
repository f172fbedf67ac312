"""Held-out spots made as unlike the slides as a query may be, to calibrate what is stated of it.

Held-out spots are easier to place than cells of another experiment: they share the slide's depth,
its batch and its mixtures of cells. A share of each gene's values is therefore exchanged between
spots at random, which leaves every gene's distribution as it is and takes away what genes tell
together. At 0 they are held-out spots as they are; at 1 nothing is left but shuffled spots. How
alike spots are then is measured as that of a query, by `Domain.resemblance`, so that the level of a
query is found from its expression alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_spatialrecon.methods.placement.calibration import Calibration, Measured, raw_spread
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.domain import likeness
from napari_spatialrecon.methods.placement.held_out import MOST_SPOTS, HeldOut
from napari_spatialrecon.methods.placement.posterior import Posterior, knn_posterior
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.placement.yardsticks import Yardsticks
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.frame import Points
from napari_spatialrecon.tissue.preprocess import Features

#: Shares of the genes' values that are exchanged between spots.
SHARES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
#: Mean squared distance of a place from the nearest spot of a grid, in squares of its pitch (.139
#: of a hexagonal, .167 of a square grid), and how much of what held-out spots lie further away
#: counts: all of it if a method finds the nearest spot, none if it finds the place between spots.
#: Of kNN all of it counts beyond a pitch.
_BETWEEN, _COUNTS = 0.15, 0.75
#: By what factor cells lie further off than spots that were made as unlike the slides, if they are
#: placed by similarity or measured beside such places: the mean over six tissues of kNN, 1.08 to
#: 1.12 with one of them left out (docs/experiments/2026-11-30-calibration.md).
FURTHER = 1.1
#: Maximum number of spots of a slide among which values are exchanged.
MOST_EXCHANGED = 4 * MOST_SPOTS


@dataclass(frozen=True)
class Scene:
    """Held-out spots of one likeness to the slides.

    Parameters
    ----------
    share
        Share of the genes' values that were exchanged.
    features : one (n, d) float32 per slide
        Of the spots, in the space that was fitted without them.
    posteriors : one per slide
        Their likely spots.
    resemblance
        Likeness to the slides, as in `Domain`.
    """

    share: float
    features: tuple[Features, ...]
    posteriors: tuple[Posterior, ...]
    resemblance: float


Place = Callable[[Scene], Sequence[Points]]
"""How a method places the spots of a scene: one (n, 2) per slide, in the frame of the seen."""


@dataclass(frozen=True)
class Stage:
    """One slide of a rehearsal: its spots among which values are exchanged.

    Parameters
    ----------
    slide
        At most `MOST_EXCHANGED` spots, held-out ones among them.
    rows : (n,) int
        Those of the held-out spots that are placed.
    """

    slide: Prepared
    rows: NDArray[np.intp]

    @classmethod
    def of(cls, slide: Prepared, placed: NDArray[np.intp]) -> Stage:
        """Return a slide, or a part of it, of which the rows `placed` are placed."""
        n = slide.adata.n_obs
        if n <= MOST_EXCHANGED:
            return cls(slide, placed)
        others = np.setdiff1d(np.arange(n), placed)
        more = np.random.default_rng(0).permutation(others)[: MOST_EXCHANGED - len(placed)]
        rows = np.sort(np.concatenate([placed, more]))
        return cls(replace(slide, adata=slide.adata[rows]), np.searchsorted(rows, placed))


@dataclass(frozen=True)
class Rehearsal:
    """Held-out spots of several likenesses, and their true places.

    Parameters
    ----------
    stages
        The slides.
    truth : one (n, 2) float per slide
        Places of the spots, in the frame of the slides without them.
    gaps : (n,) float
        Square of the part of each spot's error that comes of its being held out: it lies a pitch
        away from any spot that is left, where a cell lies between spots that are all there.
    scenes
        From the most alike to the least.
    others
        Of the other quarters of the spots, which the baseline alone places.
    """

    stages: tuple[Stage, ...]
    truth: tuple[Points, ...]
    gaps: NDArray[np.float64]
    scenes: tuple[Scene, ...]
    others: tuple[Rehearsal, ...] = ()

    @classmethod
    def of(
        cls,
        known: Yardsticks,
        config: KnnConfig | None = None,
        others: Sequence[Yardsticks] = (),
        reporter: Reporter | None = None,
    ) -> Rehearsal:
        """Return the rehearsal of the held-out spots that a baseline was measured on.

        Parameters
        ----------
        others
            The same of the other quarters of the spots, if they are few.
        reporter
            Asked between two likenesses whether to stop.
        """
        reporter = reporter or Reporter()
        knn, held_out, seen = config or KnnConfig(), known.held_out, known.seen
        stages = _stages(held_out)
        by_slide = [
            reporter.checking(seen.space.exchanged(stage.slide, (*SHARES, 1.0), seed=i))
            for i, stage in enumerate(stages)
        ]
        found = [
            tuple(each[stage.rows] for each, stage in zip(level, stages, strict=True))
            for level in zip(*by_slide, strict=True)
        ]
        placed = [
            _placed(seen, known.directions, features, knn) for features in reporter.checking(found)
        ]
        chance = _similarity(placed[-1])
        scenes = tuple(
            Scene(share, features, posteriors, likeness(_similarity(posteriors), chance))
            for share, features, posteriors in zip(SHARES, found, placed, strict=False)
        )
        places = known.compared(held_out.places())
        truth = tuple(seen.frame.normalise(p, i) for i, p in enumerate(places))
        gaps = [_gap(spots, left) for spots, left in zip(truth, seen.places, strict=True)]
        rest = tuple(cls.of(other, config, reporter=reporter) for other in others)
        return cls(stages, truth, np.concatenate(gaps), _averaged(scenes, rest), rest)

    def calibrated(self, place: Place) -> Calibration | None:
        """Return the calibration of a method that places spots; None with too few of them."""
        levels = [self._measured(scene, place(scene)) for scene in self.scenes]
        found = zip(levels, self._of_all(), strict=True)
        levels = [replace(own, every=known.errors) for own, known in found]
        return Calibration.fit(levels, further=FURTHER)

    def calibrated_on_all(self, places: Sequence[Place]) -> Calibration | None:
        """Return the calibration of a method on the spots of all quarters; None with too few.

        Parameters
        ----------
        places
            For each quarter, how the method places spots if it is fitted without this quarter: of
            this rehearsal, then of `others`.
        """
        return Calibration.fit(self._of_all(places))

    def calibrated_baseline(self) -> Calibration | None:
        """Return the calibration of the baseline, on all quarters; None with too few spots."""
        return Calibration.fit(self._of_all(), further=FURTHER)

    def _of_all(self, places: Sequence[Place] = ()) -> list[Measured]:
        """Return the errors of the spots of all quarters, a level each; of the baseline if none."""
        every = (self, *self.others)
        parts = [
            [part._measured(scene, place(scene)) for scene in part.scenes]
            for part, place in zip(every, places or (baseline_places,) * len(every), strict=True)
        ]
        return [
            Measured(
                level[0].share,
                level[0].resemblance,
                np.concatenate([each.spread for each in level]),
                np.concatenate([each.errors for each in level]),
            )
            for level in zip(*parts, strict=True)
        ]

    def _measured(self, scene: Scene, places: Sequence[Points]) -> Measured:
        spread = [raw_spread(p, q) for p, q in zip(places, scene.posteriors, strict=True)]
        own, baseline = (self._errors(each) for each in (places, baseline_places(scene)))
        return Measured(scene.share, scene.resemblance, np.concatenate(spread), own, baseline)

    def _errors(self, places: Sequence[Points]) -> NDArray[np.float64]:
        off = [np.linalg.norm(p - t, axis=1) for p, t in zip(places, self.truth, strict=True)]
        errors = np.concatenate(off)
        # Of errors of up to about the gap, half is kept.
        less: NDArray[np.float64] = np.sqrt(np.maximum(errors**2 - self.gaps, errors**2 / 4))
        return less


def baseline_places(scene: Scene) -> Sequence[Points]:
    """Return where the baseline places the spots of a scene."""
    return [posterior.places for posterior in scene.posteriors]


def _averaged(scenes: Sequence[Scene], others: Sequence[Rehearsal]) -> tuple[Scene, ...]:
    """Return scenes with the likeness of all quarters' spots: of one it is noisy."""
    found = [
        [part.resemblance for part in level]
        for level in zip(scenes, *(other.scenes for other in others), strict=True)
    ]
    return tuple(
        replace(scene, resemblance=float(np.mean(alike)))
        for scene, alike in zip(scenes, found, strict=True)
    )


def _gap(spots: Points, left: Points) -> NDArray[np.float64]:
    """Return how much further held-out spots are from those left than cells are: (n,), squared."""
    tree = cKDTree(left)
    pitch = np.median(tree.query(left, k=min(2, len(left)))[0].reshape(len(left), -1)[:, -1])
    away = tree.query(spots)[0] ** 2 - _BETWEEN * pitch**2
    gap: NDArray[np.float64] = _COUNTS * np.maximum(away, 0.0)
    return gap


def _stages(held_out: HeldOut) -> tuple[Stage, ...]:
    return tuple(
        Stage.of(slide, np.flatnonzero(mask)[rows])
        for slide, mask, rows in zip(held_out.whole, held_out.masks, held_out.compared, strict=True)
    )


def _placed(
    seen: Reference,
    directions: NDArray[np.float64],
    features: Sequence[Features],
    config: KnnConfig,
) -> tuple[Posterior, ...]:
    return tuple(knn_posterior(seen, f, directions, config) for f in features)


def _similarity(posteriors: Sequence[Posterior]) -> NDArray[np.float64]:
    return np.concatenate([posterior.similarity for posterior in posteriors])
