"""Align to histology without a window: landmark pairs, the map fitted to them, and its errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.task.landmark_session import LandmarkModel

if TYPE_CHECKING:
    from napari_spatialrecon.geometry.maps.fit import Fit
    from napari_spatialrecon.geometry.maps.transforms import Transform

Point = tuple[float, float]
MODELS = {
    "similarity": "shift, rotation, scale",
    "affine": "also shear and stretch",
    "projective": "also perspective",
    "thin-plate": "also local bends",
}


@dataclass(frozen=True)
class Pair:
    """One landmark on the layer, before it moved, and on the image; (x, y)."""

    query: Point
    ref: Point
    enabled: bool = True


@dataclass(frozen=True)
class AlignState:
    """Everything that undo restores.

    Parameters
    ----------
    pending
        A landmark on the layer that has no partner on the image yet.
    transform
        The map that moves the layer; None leaves it in place.
    by_hand
        Whether the layer was moved by hand since the last pair.
    """

    pairs: tuple[Pair, ...] = ()
    pending: Point | None = None
    model: str = "similarity"
    transform: Transform | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class PairError:
    """How well the map fits a pair, in world units.

    Parameters
    ----------
    enabled
        Whether the pair is used.
    residual
        How far the moved landmark lies from its partner.
    left_out
        How far it would lie if the other pairs alone had been used; None where not known.
    outlier
        Whether the other pairs contradict it.
    """

    enabled: bool
    residual: float
    left_out: float | None
    outlier: bool


class AlignModel(LandmarkModel[AlignState]):
    """Pairs that are set in turns, and the map that registers the layer to the image.

    All positions are (x, y) in world units; those of `query` are from before the layer moved.

    Parameters
    ----------
    points : (n, 2) float
        The layer's points before it moved.
    bounds
        Least and greatest corner of the image, (2, 2); None if it has none.
    """

    def __init__(self, points: np.ndarray, bounds: np.ndarray | None = None) -> None:
        super().__init__(AlignState())
        self.points = np.asarray(points, float)
        self.bounds = bounds
        self.problem: InputError | None = None
        self.fit: Fit | None = None

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, including excluded ones."""
        return self.state.pairs

    @property
    def transform(self) -> Transform:
        """The map that moves the layer."""
        from napari_spatialrecon.geometry.maps.transforms import Transform

        return self.state.transform or Transform.identity()

    @property
    def turn(self) -> str:
        """Where the next landmark goes: ``"layer"`` or ``"image"``."""
        return "layer" if self.state.pending is None else "image"

    @property
    def missing(self) -> int:
        """Number of further pairs that the model needs."""
        from napari_spatialrecon.geometry.maps.transforms import LEAST_PAIRS

        return max(0, LEAST_PAIRS[self.state.model] - sum(p.enabled for p in self.pairs))

    @property
    def moved(self) -> np.ndarray:
        """The layer's points at their current positions, (n, 2)."""
        return self.transform.apply(self.points)

    # Setting pairs

    def click(self, place: np.ndarray) -> None:
        """Take a clicked position as the next landmark.

        Raises
        ------
        InputError
            The image's landmark lies outside the image.
        """
        if self.state.pending is None:
            at = self.transform.inverse_apply(np.asarray(place, float)[None])[0]
            self._go(replace(self.state, pending=_point(at)))
            return
        self._check_inside(place)
        pair = Pair(self.state.pending, _point(place))
        self.chosen = len(self.pairs)
        self._go(replace(self.state, pairs=(*self.pairs, pair), pending=None), refit=True)

    def marks(self) -> np.ndarray:
        """Return the visible marks: moved landmarks, their partners, and the pending one."""
        query = [p.query for p in self.pairs]
        if self.state.pending is not None:
            query.append(self.state.pending)
        moved = self.transform.apply(np.array(query, float).reshape(-1, 2))
        ref = np.array([p.ref for p in self.pairs], float).reshape(-1, 2)
        k = len(self.pairs)
        return np.vstack([moved[:k], ref, moved[k:]])

    def drag(self, mark: int, place: np.ndarray) -> None:
        """Move a mark, numbered as in `marks`; undo takes back a whole drag."""
        k = len(self.pairs)
        if mark == 2 * k:
            at = self.transform.inverse_apply(np.asarray(place, float)[None])[0]
            self._go(replace(self.state, pending=_point(at)), key=("drag", mark))
            return
        number, on_image = mark % k, mark >= k
        pair = self.pairs[number]
        if on_image:
            self._check_inside(place)
            pair = replace(pair, ref=_point(place))
        else:
            at = self.transform.inverse_apply(np.asarray(place, float)[None])[0]
            pair = replace(pair, query=_point(at))
        self.chosen = number
        self._set_pair(number, pair, key=("drag", mark))

    def end_drag(self) -> None:
        """Make the next move of the same mark a separate step for undo."""
        self._stack.seal()

    def set_pairs(self, pairs: tuple[Pair, ...]) -> None:
        """Replace the pairs, for instance by those of a file."""
        self._go(replace(self.state, pairs=pairs, pending=None), refit=True)

    def resume(self, pairs: tuple[Pair, ...], model: str) -> None:
        """Go on with pairs that were set in an earlier session."""
        self._go(AlignState(pairs, model=model), refit=True)

    def delete(self, number: int | None = None) -> None:
        """Delete a pair (the selected one if None); if one is half set, cancel that instead."""
        number = self.chosen if number is None else number
        if self.state.pending is not None:
            self._go(replace(self.state, pending=None))
        elif number is not None and number < len(self.pairs):
            rest = self.pairs[:number] + self.pairs[number + 1 :]
            self.chosen = None
            self._go(replace(self.state, pairs=rest), refit=True)

    def enable(self, number: int, enabled: bool) -> None:
        """Include or exclude a pair."""
        self._set_pair(number, replace(self.pairs[number], enabled=enabled))

    def toggle(self) -> None:
        """Exclude the selected pair, or include it again."""
        if self.chosen is not None and self.chosen < len(self.pairs):
            self.enable(self.chosen, not self.pairs[self.chosen].enabled)

    def set_model(self, model: str) -> None:
        """Fit another model."""
        if model != self.state.model:
            self._go(replace(self.state, model=model), refit=True)

    # Moving by hand

    def flip(self) -> None:
        """Flip the layer about its centre, left to right."""
        self._by_hand(np.diag([-1.0, 1.0]))

    def turn_by(self, degrees: float) -> None:
        """Rotate the layer about its centre, clockwise on the screen."""
        turn = np.deg2rad(degrees)
        self._by_hand(np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))

    def nudge(self, right: float, down: float) -> None:
        """Shift the layer; undo takes back consecutive nudges at once."""
        self._by_hand(np.eye(2), np.array([right, down]), key="nudge")

    def start(self, transform: Transform) -> None:
        """Start from a map that was not fitted to pairs."""
        self._go(replace(self.state, transform=transform, by_hand=True))

    def shift(self, layer: np.ndarray, image: np.ndarray) -> None:
        """Follow layer and image that were laid elsewhere in the world, each by (x, y)."""
        self.points = self.points + layer
        if self.bounds is not None:
            self.bounds = self.bounds + image
        self._stack.convert(partial(_shifted, layer=layer, image=image))
        self.follow()

    # Errors

    def residuals(self) -> list[PairError]:
        """Return how well the map fits each pair."""
        rows: list[PairError] = []
        used = 0
        marks = self.marks()
        k = len(self.pairs)
        for number, pair in enumerate(self.pairs):
            apart = float(np.linalg.norm(marks[number] - marks[k + number]))
            left, outlier = np.nan, False
            if pair.enabled:
                if self.fit is not None:
                    left, outlier = float(self.fit.left_out[used]), self.fit.outlier == used
                used += 1
            known = left if np.isfinite(left) else None
            rows.append(PairError(pair.enabled, apart, known, outlier))
        return rows

    @property
    def rmse(self) -> float | None:
        """Root mean square of the residuals of the pairs in use; None without any."""
        used = [row.residual for row in self.residuals() if row.enabled]
        return float(np.sqrt(np.mean(np.square(used)))) if used else None

    def _set_pair(self, number: int, pair: Pair, *, key: object = None) -> None:
        pairs = (*self.pairs[:number], pair, *self.pairs[number + 1 :])
        self._go(replace(self.state, pairs=pairs), refit=True, key=key)

    def _by_hand(
        self, linear: np.ndarray, shift: np.ndarray | None = None, *, key: object = None
    ) -> None:
        from napari_spatialrecon.geometry.procrustes import Pose

        lying = self.moved
        centre = (lying.min(axis=0) + lying.max(axis=0)) / 2
        offset = np.zeros(2) if shift is None else shift
        pose = Pose(linear, centre - linear @ centre + offset)
        moved = self.transform.before(pose)
        self._go(replace(self.state, transform=moved, by_hand=True), key=key)

    def _check_inside(self, place: np.ndarray) -> None:
        if self.bounds is None:
            return
        low, high = self.bounds
        if ((place < low) | (place > high)).any():
            raise InputError(
                "Expected a landmark on the image, found one outside it.",
                remedy="Try a position within the image.",
            )

    def _go(self, state: AlignState, *, refit: bool = False, key: object = None) -> None:
        if refit:
            state, self.problem = self._fitted(state)
        self._stack.push(state, key=key)
        self.follow()

    def follow(self) -> None:
        """Judge the pairs of the state that is shown now, and tell."""
        self.fit = None
        used = [p for p in self.pairs if p.enabled]
        if not self.missing and not self.state.by_hand:
            try:
                self.fit = _fit(used, self.state.model)
                self.problem = None
            except InputError as error:
                self.problem = error
        elif self.missing:
            self.problem = None
        self.changed.emit()

    def _fitted(self, state: AlignState) -> tuple[AlignState, InputError | None]:
        """Return the state with the map of its pairs, or with its old map if they define none."""
        from napari_spatialrecon.geometry.maps.transforms import LEAST_PAIRS

        used = [p for p in state.pairs if p.enabled]
        if len(used) < LEAST_PAIRS[state.model]:
            return state, None
        try:
            transform = _fit(used, state.model).transform
            transform.apply(self.points)
        except InputError as error:
            return state, error
        return replace(state, transform=transform, by_hand=False), None


def _fit(pairs: list[Pair], model: str) -> Fit:
    from napari_spatialrecon.geometry.maps.fit import fit_pairs

    query, ref = (np.array([getattr(p, side) for p in pairs]) for side in ("query", "ref"))
    return fit_pairs(query, ref, model)


def _shifted(state: AlignState, *, layer: np.ndarray, image: np.ndarray) -> AlignState:
    from napari_spatialrecon.geometry.maps.transforms import Transform

    pairs = tuple(
        replace(pair, query=_point(pair.query + layer), ref=_point(pair.ref + image))
        for pair in state.pairs
    )
    pending = None if state.pending is None else _point(state.pending + layer)
    move = state.transform
    if move is not None:
        back, forth = np.eye(3), np.eye(3)
        back[:2, 2], forth[:2, 2] = -layer, image
        matrix = forth @ move.matrix @ back
        move = Transform(
            move.model, matrix, move.source + layer, move.target + image, move.smoothing
        )
    return replace(state, pairs=pairs, pending=pending, transform=move)


def _point(place: np.ndarray) -> Point:
    return float(place[0]), float(place[1])
