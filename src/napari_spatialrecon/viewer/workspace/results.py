"""The results of a session: of its runs, and reopened from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal, SignalGroup

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.layers import Layer


@dataclass(eq=False)
class Result:
    """What a run made, in this session or an earlier one.

    Parameters
    ----------
    name
        As its layer is called, for instance "C5 · GEARS".
    task
        Its name in `methods.registry`, for instance ``"place"``.
    adata
        The table that the run returned.
    record
        Content of its ``run.json``; empty if it was not found.
    layer
        The layer that shows it; None if it has none.
    path
        Where it was saved, or opened from; None while it is unsaved.
    job
        The run, to repeat it; None for a reopened file.
    outcome
        What the run returned, with what its widget shows; of a reopened file, what it holds.
    drawn
        What the widget of the task draws in; None where that is one layer.
    """

    name: str
    task: str
    adata: AnnData
    record: Mapping[str, Any] = field(default_factory=dict)
    layer: Layer | None = None
    path: Path | None = None
    job: Any = field(default=None, repr=False)
    outcome: Any = field(default=None, repr=False)
    drawn: Any = field(default=None, repr=False)

    @property
    def method(self) -> str:
        """Name of the method in `methods.registry`; empty if the record does not say."""
        return str(self.record.get("method", ""))


class ResultEvents(SignalGroup):
    """Signals for widgets; each carries the result."""

    added = Signal(Result)
    removed = Signal(Result)
    changed = Signal(Result)


class Results:
    """The results in the order in which they were made or opened."""

    def __init__(self) -> None:
        self.events = ResultEvents()
        self._results: list[Result] = []

    def __iter__(self) -> Iterator[Result]:
        return iter(tuple(self._results))

    def __len__(self) -> int:
        return len(self._results)

    def add(self, result: Result, index: int | None = None) -> Result:
        """Add a result; one that is shown by the layer of an earlier one takes its place.

        Parameters
        ----------
        index
            Where it is put in the order; by default at the end.
        """
        for other in self:
            if other.layer is not None and other.layer is result.layer:
                self.remove(other)
        self._results.insert(len(self._results) if index is None else index, result)
        self.events.added.emit(result)
        return result

    def remove(self, result: Result) -> None:
        """Forget a result; its layer stays."""
        self._results.remove(result)
        self.events.removed.emit(result)

    def of_layer(self, layer: Layer | None) -> Result | None:
        """Return the result that a layer shows."""
        return next((r for r in self if layer is not None and r.layer is layer), None)

    def mark_saved(self, result: Result, path: str | Path) -> None:
        """Record where a result was saved."""
        result.path = Path(path)
        self.events.changed.emit(result)

    @property
    def unsaved(self) -> list[Result]:
        """Results that are on no disk."""
        return [result for result in self if result.path is None]
