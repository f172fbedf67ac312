"""The tab Results without Qt: what is listed, in which order, what is ticked and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from natsort import natsort_keygen
from psygnal import Signal, SignalInstance

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.viewer.results.facts import TASKS, Facts, facts, record_of
from napari_spatialrecon.viewer.results.sides import Side, truths
from napari_spatialrecon.viewer.workspace.results import Result

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_spatialrecon.tasks.compared import Compared
    from napari_spatialrecon.viewer.workspace.workspace import Entry, Workspace

_natural = natsort_keygen()


class Order(StrEnum):
    """What the list is sorted by."""

    NEWEST = "newest first"
    ERROR = "smallest error first"
    NAME = "name"
    TIME = "shortest run first"


@dataclass(frozen=True)
class Deleted:
    """A result that was deleted, with its layers, and where each was in its list."""

    result: Result
    index: int
    layers: tuple[tuple[int, Layer], ...]


class ResultsModel:
    """The results of a workspace as they are listed.

    Attributes
    ----------
    current
        The result that the buttons act on; None if there is none.
    ticked
        What is ticked, in the order in which it was; slides before results.
    deleted
        What was deleted in this session, last one last.
    """

    changed = Signal()

    def __init__(self, space: Workspace) -> None:
        self.space = space
        self.order = Order.NEWEST
        self.current: Result | None = None
        self.ticked: list[Side] = []
        self.deleted: list[Deleted] = []
        for signal, slot in self._signals():
            signal.connect(slot)
        self.current = next(iter(reversed(list(space.results))), None)
        if space.viewer is not None:
            space.viewer.layers.selection.events.active.connect(self._on_active)

    def close(self) -> None:
        """Stop following the workspace."""
        for signal, slot in self._signals():
            signal.disconnect(slot)
        if self.space.viewer is not None:
            self.space.viewer.layers.selection.events.active.disconnect(self._on_active)

    def _signals(self) -> list[tuple[SignalInstance, Callable[..., Any]]]:
        results, entries = self.space.results.events, self.space.events
        return [
            (results.added, self._on_added),
            (results.removed, self._on_removed),
            (results.changed, self._on_changed),
            (entries.added, self._on_entry),
            (entries.removed, self._on_entry),
            (entries.changed, self._on_entry),
        ]

    # What is listed

    def listed(self) -> list[tuple[Result, Facts]]:
        """Return the results as they are sorted, each with what is said of it."""
        found = [(result, facts(result)) for result in reversed(list(self.space.results))]
        if self.order is Order.ERROR:
            found.sort(key=lambda row: (row[1].task, np.nan_to_num(row[1].value, nan=np.inf)))
        elif self.order is Order.NAME:
            found.sort(key=lambda row: _natural(row[1].title))
        elif self.order is Order.TIME:
            found.sort(key=lambda row: np.nan_to_num(row[1].seconds, nan=np.inf))
        return found

    def slides(self) -> list[Side]:
        """Return the slides with the true places of placed cells."""
        return truths(self.space)

    def set_order(self, order: Order | str) -> None:
        """Sort the list."""
        self.order = Order(order)
        self.changed.emit()

    def choose(self, result: Result | None) -> None:
        """Let the buttons act on a result."""
        if result is not self.current:
            self.current = result
            self.changed.emit()

    # What is compared

    def tick(self, about: Result | Entry | Side, on: bool = True) -> None:
        """Tick a result, a slide or measured places, or take the tick away."""
        side = about if isinstance(about, Side) else Side(about)
        if (side in self.ticked) is on:
            return
        self.ticked = [other for other in self.ticked if other != side]
        if on:
            self.ticked.append(side)
        self.ticked.sort(key=lambda s: s.result is not None)
        self.changed.emit()

    def is_ticked(self, about: Result | Entry | Side) -> bool:
        """Return whether something is ticked."""
        return (about if isinstance(about, Side) else Side(about)) in self.ticked

    @property
    def pair(self) -> tuple[Side, Side] | None:
        """The two that are ticked; the truth is the first."""
        return (self.ticked[0], self.ticked[1]) if len(self.ticked) == 2 else None

    def compare(self) -> Compared:
        """Compare the two that are ticked.

        Raises
        ------
        InputError
            Not two are ticked, they are of different tasks, or they share no cells or spots.
        """
        from napari_spatialrecon.tasks.value_comparing import compare_values
        from napari_spatialrecon.tasks.value_kinds import KINDS

        if self.pair is None:
            raise InputError(
                f"Expected two ticked results, found {len(self.ticked)}.",
                remedy="Try ticking two results of the same cells.",
            )
        first, second = self.pair
        if first.task != second.task or first.task not in ("place", *KINDS):
            raise InputError(
                "Expected two results of one task, or places and where they were measured, found "
                f"{_what(first)} and {_what(second)}.",
                remedy="Try ticking two results of the same task.",
            )
        if first.task == "place":
            return _compare_places(first, second)
        return compare_values(first.adata, second.adata, names=(first.name, second.name))

    # State of a session

    def state(self) -> dict[str, Any]:
        """Return what is ticked and chosen, and the order."""
        ticked = [side.name for side in self.ticked]
        current = None if self.current is None else self.current.name
        return {"ticked": ticked, "current": current, "order": str(self.order)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Tick and choose what was, as far as it exists."""
        known = {side.name: side for side in (*map(Side, self.space.results), *self.slides())}
        names = [str(name) for name in state.get("ticked", ())]
        self.ticked = [known[name] for name in names if name in known]
        chosen = (r for r in self.space.results if r.name == state.get("current"))
        self.current = next(chosen, self.current)
        if state.get("order") in set(Order):
            self.order = Order(state["order"])
        self.changed.emit()

    # What the workspace tells

    def _on_active(self, event: Event) -> None:
        """Choose the result whose layer was selected."""
        result = self.space.results.of_layer(event.value)
        if result is not None:
            self.choose(result)

    def _on_added(self, result: Result) -> None:
        self.current = result
        self.changed.emit()

    def _on_removed(self, result: Result) -> None:
        self.ticked = [side for side in self.ticked if side.about is not result]
        if self.current is result:
            self.current = next(iter(reversed(list(self.space.results))), None)
        self.changed.emit()

    def _on_changed(self, result: Result) -> None:
        self.changed.emit()

    def _on_entry(self, entry: Entry) -> None:
        if any(side.about is entry for side in self.ticked) and entry not in list(self.space):
            self.ticked = [side for side in self.ticked if side.about is not entry]
        if any(side.measured for side in self.ticked):
            listed = self.slides()
            self.ticked = [side for side in self.ticked if not side.measured or side in listed]
        if len(self.space.results):
            self.changed.emit()


def _compare_places(first: Side, second: Side) -> Compared:
    """Compare two placements, or one with measured places in the frame of their own slide."""
    from napari_spatialrecon.tasks.comparing import compare, lies_on_own_slide

    result, own_slide, same_frame = second.result, None, None
    if first.result is None and result is not None:
        own_slide = lies_on_own_slide(record_of(result).get("settings") or {})
        if own_slide is False and SPATIAL in result.adata.uns:  # the H&E of another slide
            same_frame = False
    names = (first.name, second.name)
    found = compare(first.adata, second.adata, same_frame=same_frame, names=names)
    if own_slide is not False or found.pose is not None:
        return found
    note = (
        f"{names[1]} was placed on another slide than its own. Both are taken to have one frame, "
        "since their places overlap; if they do not, the distances include the shift between them."
    )
    return replace(found, notes=(*found.notes, note))


def _what(side: Side) -> str:
    return (
        "measured places"
        if side.result is None
        else TASKS.get(side.result.task, "another result").lower()
    )
