"""Landmarks without a window: cells whose position is known, and where the others follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.task.landmark_session import LandmarkModel

if TYPE_CHECKING:
    from napari_spatialrecon.geometry.solver.landmarks import Landmarks
    from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver, Solution

#: Fewest landmarks that determine pose and side.
LEAST = 3
#: Default weight of a soft landmark.
WEIGHT = 10.0
#: Up to this many cells follow while a landmark is dragged; more follow on release.
LIVE_CELLS = 60_000
#: Most cells among which the next landmark is sought.
_SUGGESTED_AMONG = 4_000


@dataclass(frozen=True)
class Mark:
    """One cell whose position is known.

    Parameters
    ----------
    cell
        Row of the cell.
    place
        (x, y) in the frame and unit of the result.
    hard
        Whether the cell is fixed exactly there.
    weight
        Weight of a soft landmark.
    enabled
        Whether it is used.
    """

    cell: int
    place: tuple[float, float]
    hard: bool = True
    weight: float = WEIGHT
    enabled: bool = True


@dataclass(frozen=True)
class MarksState:
    """Everything that undo restores."""

    marks: tuple[Mark, ...] = ()
    bend: bool = False


@dataclass(frozen=True)
class MarkError:
    """How well the layout agrees with a landmark, in the result's unit; None if unknown.

    Parameters
    ----------
    residual
        Distance from the cell's position in the layout, fitted to all landmarks by shift, rotation
        and scale.
    left_out
        Distance from the position that the other landmarks alone predict. For a landmark in use it
        is known once `LandmarksModel.judge` has computed it.
    expected
        Position of the cell in the fitted layout, (x, y).
    """

    residual: float | None
    left_out: float | None
    expected: tuple[float, float] | None


class LandmarksModel(LandmarkModel[MarksState]):
    """Landmarks on one placed layout, solved again whenever they change (dp-VAE eq. 6-7).

    Parameters
    ----------
    names : (n,) str
        Unique names of the cells.
    layout : (n, 2) float
        The layout before its pose, in the unit of `places`; it gives the distances.
    places : (n, 2) float, (x, y)
        Positions of the cells without landmarks.
    uncertainty : (n,) float, optional
        Of each position, for the suggestion; equal if None.
    bounds : (2, 2) float, optional
        Least and greatest corner of the image that landmarks have to lie on.

    Attributes
    ----------
    places
        Current positions of the cells.
    picked
        Row of the cell that is waiting for its position.
    dragging
        Whether a landmark is being dragged.
    """

    def __init__(
        self,
        names: np.ndarray,
        layout: np.ndarray,
        places: np.ndarray,
        uncertainty: np.ndarray | None = None,
        bounds: np.ndarray | None = None,
    ) -> None:
        super().__init__(MarksState())
        self.names = np.asarray(names).astype(str)
        self.layout = np.asarray(layout, float)
        self.start = np.array(places, float)
        self.places = self.start
        spread = np.ones(len(self.layout)) if uncertainty is None else uncertainty
        self.uncertainty = np.nan_to_num(np.asarray(spread, float), nan=np.inf)
        self.bounds = bounds
        self.picked: int | None = None
        self.problem: InputError | None = None
        self.solution: Solution | None = None
        self._solver: PlaceSolver | None = None
        self._judged: MarksState | None = None
        self._left_out: dict[int, float] = {}
        self.dragging = False

    # What is set

    @property
    def marks(self) -> tuple[Mark, ...]:
        """All landmarks, including excluded ones."""
        return self.state.marks

    @property
    def used(self) -> list[Mark]:
        """The landmarks in use."""
        return [mark for mark in self.marks if mark.enabled]

    @property
    def missing(self) -> int:
        """How many landmarks the pose still needs."""
        return max(0, LEAST - len(self.used))

    @property
    def live(self) -> bool:
        """Whether the cells follow while a landmark is dragged."""
        return len(self.layout) <= LIVE_CELLS

    def landmarks(self) -> Landmarks:
        """Return the landmarks in use.

        Raises
        ------
        InputError
            There are fewer than 3, or they are collinear.
        """
        from napari_spatialrecon.geometry.solver.landmarks import Landmarks

        used = self.used
        return Landmarks(
            np.array([m.cell for m in used], np.intp),
            np.array([m.place for m in used], float).reshape(-1, 2),
            np.array([m.hard for m in used], bool),
            np.array([m.weight for m in used], float),
        )

    # Setting landmarks

    def pick(self, cell: int | None) -> None:
        """Choose the cell whose position will be given next."""
        self.picked = cell
        self.chosen = next((i for i, m in enumerate(self.marks) if m.cell == cell), self.chosen)
        self.changed.emit()

    def click(self, place: np.ndarray) -> None:
        """Place the picked cell here; if none is picked, pick the nearest cell.

        Raises
        ------
        InputError
            The place is not on the image.
        """
        if self.picked is None:
            apart = np.linalg.norm(self.places - place, axis=1)
            self.pick(int(apart.argmin()))
        else:
            self.set_place(self.picked, place)

    def set_place(self, cell: int, place: np.ndarray) -> None:
        """Give the position of a cell; an existing landmark moves."""
        self._check(place)
        self.picked = None
        number = next((i for i, m in enumerate(self.marks) if m.cell == cell), None)
        if number is None:
            self.chosen = len(self.marks)
            self._go(replace(self.state, marks=(*self.marks, Mark(cell, _point(place)))))
        else:
            self.chosen = number
            self._go(self._with(number, replace(self.marks[number], place=_point(place))))

    def drag(self, number: int, place: np.ndarray) -> None:
        """Move a landmark during a drag; the cells follow live if they are few enough."""
        self._check(place)
        self.chosen, self.dragging = number, True
        mark = replace(self.marks[number], place=_point(place))
        self._stack.push(self._with(number, mark), key=("drag", number))
        if self.live and mark.enabled and self.solution is not None and not self.state.bend:
            assert self._solver is not None, "solved before"
            try:
                self.solution = self._solver.move(mark.cell, np.array(mark.place))
                self.places = self.solution.places
                self.problem = None
            except InputError as error:
                self.problem = error
        self.changed.emit()

    def end_drag(self) -> None:
        """Solve fully, with the scale refitted."""
        self.dragging = False
        self._stack.seal()
        self.follow()

    def delete(self, number: int | None = None) -> None:
        """Delete a landmark (the selected one if None); if a cell is picked, only unpick it."""
        number = self.chosen if number is None else number
        if self.picked is not None:
            self.pick(None)
        elif number is not None and number < len(self.marks):
            self.chosen = None
            self._go(replace(self.state, marks=self.marks[:number] + self.marks[number + 1 :]))

    def enable(self, number: int, enabled: bool) -> None:
        """Include or exclude a landmark."""
        self._go(self._with(number, replace(self.marks[number], enabled=enabled)))

    def toggle(self) -> None:
        """Exclude the selected landmark, or include it again."""
        if self.chosen is not None and self.chosen < len(self.marks):
            self.enable(self.chosen, not self.marks[self.chosen].enabled)

    def set_hard(self, number: int, hard: bool, weight: float = WEIGHT) -> None:
        """Fix a cell at its landmark, or pull it there with a weight."""
        if not (np.isfinite(weight) and weight > 0):
            raise InputError(
                f"Expected a weight above 0, found {weight:g}.", remedy="Try 10, or 100."
            )
        self._go(self._with(number, replace(self.marks[number], hard=hard, weight=weight)))

    def set_bend(self, bend: bool) -> None:
        """Let dense landmarks bend the layout by a smooth residual, or only determine its pose."""
        if bend != self.state.bend:
            self._go(replace(self.state, bend=bend))

    def take(self, landmarks: Landmarks) -> None:
        """Replace the landmarks by those of a file or another layer."""
        landmarks.check_cells(len(self.layout))
        rows = zip(
            landmarks.indices, landmarks.places, landmarks.hard, landmarks.weights, strict=True
        )
        marks = tuple(Mark(int(c), _point(p), bool(h), float(w)) for c, p, h, w in rows)
        self.chosen = self.picked = None
        self._go(replace(self.state, marks=marks))

    def resume(self, state: MarksState) -> None:
        """Go on with landmarks that were set in an earlier session."""
        self.chosen = self.picked = None
        self._go(state)

    # Errors and the suggestion

    def judge(self) -> Iterator[None]:
        """Compute the left-out error of each landmark in use, one per step.

        Ends early if the landmarks change meanwhile, or do not determine the layout.
        """
        from napari_spatialrecon.geometry.solver.left_out import left_out_errors

        state = self._judged = self.state
        self._left_out = {}
        if self.missing or self.problem is not None:
            return
        used = [i for i, mark in enumerate(self.marks) if mark.enabled]
        errors = left_out_errors(self.layout, self.landmarks(), bend=state.bend)
        for number, error in zip(used, errors):
            if self.state is not state:
                return
            if np.isfinite(error):
                self._left_out[number] = error
            yield

    def errors(self) -> list[MarkError]:
        """Return the residual and the left-out error of each landmark.

        The residual is that of the pose alone: eqs. 6-7 place a hard landmark exactly.
        """
        from napari_spatialrecon.geometry.procrustes import fit_pose

        used = [i for i, mark in enumerate(self.marks) if mark.enabled]
        cells = [m.cell for m in self.marks]
        source = self.layout[cells].reshape(-1, 2)
        target = np.array([m.place for m in self.marks], float).reshape(-1, 2)
        try:
            pose = fit_pose(source[used], target[used]) if len(used) >= LEAST else None
        except InputError:
            pose = None
        if pose is None:
            return [MarkError(None, None, None) for _ in self.marks]
        posed = pose.apply(source)
        residual = np.linalg.norm(posed - target, axis=1)
        solved = np.linalg.norm(self.places[cells] - target, axis=1)
        found = []
        for i, mark in enumerate(self.marks):
            left = self._left_out.get(i) if self._judged is self.state else None
            left = left if mark.enabled else float(solved[i])
            found.append(MarkError(float(residual[i]), left, _point(posed[i])))
        return found

    def suggestion(self) -> int | None:
        """Return the cell whose position would help most next; None if all are landmarks."""
        from napari_spatialrecon.geometry.solver.landmarks import next_landmark

        if len(self.marks) >= len(self.layout):
            return None
        left_out = [m.cell for m in self.marks if not m.enabled]
        known = [m.cell for m in self.used]
        among = np.setdiff1d(self._typical, left_out)
        return next_landmark(self.layout, self.uncertainty, np.array(known, np.intp), among)

    @cached_property
    def _typical(self) -> np.ndarray:
        """Cells worth asking for; of many cells, from a sample."""
        from napari_spatialrecon.geometry.solver.landmarks import typical_cells

        n = len(self.layout)
        among = np.arange(n)
        if n > _SUGGESTED_AMONG:
            among = np.random.default_rng(0).choice(n, _SUGGESTED_AMONG, replace=False)
        return np.asarray(among[typical_cells(self.layout[among], self.uncertainty[among])])

    # Solving

    def _with(self, number: int, mark: Mark) -> MarksState:
        marks = (*self.marks[:number], mark, *self.marks[number + 1 :])
        return replace(self.state, marks=marks)

    def _go(self, state: MarksState) -> None:
        self._stack.push(state)
        self.follow()

    def follow(self) -> None:
        """Place the cells; if the landmarks do not determine the layout, they do not move."""
        self.problem = None
        if self.missing:
            self.solution, self.places = None, self.start
            self.changed.emit()
            return
        try:
            self.places = self._solved()
        except InputError as error:
            self.problem = error
        self.changed.emit()

    def _solved(self) -> np.ndarray:
        from napari_spatialrecon.geometry.solver.bending import apply_bend
        from napari_spatialrecon.geometry.solver.landmarks import fit_scale
        from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver

        known = self.landmarks()
        if self._solver is None:
            self._solver = PlaceSolver(self.layout)
        scale = fit_scale(self.layout, known, trained=1.0)
        self.solution = self._solver.solve(known, scale=scale)
        if not self.state.bend:
            return self.solution.places
        return apply_bend(self.solution.places, self.layout, known)

    def _check(self, place: np.ndarray) -> None:
        if not np.isfinite(place).all():
            raise InputError(
                "Expected two finite coordinates, found others.", remedy="Try another position."
            )
        if self.bounds is None:
            return
        low, high = self.bounds
        if ((place < low) | (place > high)).any():
            raise InputError(
                "Expected a landmark on the image, found one outside it.",
                remedy="Try a position within the image.",
            )


def _point(place: np.ndarray) -> tuple[float, float]:
    return float(place[0]), float(place[1])
