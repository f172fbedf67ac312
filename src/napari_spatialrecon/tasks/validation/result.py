"""The result of a validation: how a method and its baselines did on held-out truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd
from matplotlib.figure import Figure

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.intervals import Interval
from napari_spatialrecon.evaluation.pictures import save_png
from napari_spatialrecon.tasks.measures import Measure
from napari_spatialrecon.tasks.validation import words
from napari_spatialrecon.tasks.validation.picture import picture
from napari_spatialrecon.tasks.verdicts import Verdict

#: Files of a saved validation; the first identifies its folder.
RECORD, TABLE, ITEMS, PNG, SVG = (
    "validation.json",
    "methods.csv",
    "held_out.csv",
    "validation.png",
    "validation.svg",
)
_FORMAT = 1


@dataclass(frozen=True)
class Score:
    """How one method did.

    Parameters
    ----------
    name, title
        Of the method; ``"trivial"`` names what can be said without one.
    values
        One for each measure; None where it says nothing of this method.
    gains
        By how much the chosen method is better than this one, positive if it is; None of itself.
    seconds
        How long it took.
    """

    name: str
    title: str
    values: tuple[Interval | None, ...]
    gains: tuple[Interval | None, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class Validation:
    """What `validate` returns.

    Parameters
    ----------
    task
        Name of the task, as on the command line.
    kind, held_out
        What was held out, as a word and in words.
    measures
        How far an answer is from the truth; the first is known of each item.
    scores
        The chosen method first, then its baselines.
    items
        One row for each held-out item: ``name``, ``block``, ``x`` and ``y`` in µm where it has a
        place, and a column for each method with the first measure.
    n_blocks
        Blocks of items that were drawn together for the intervals.
    notes
        What to bear in mind.
    skipped
        Title of a baseline to the reason why it did not finish.
    record
        Method, settings, seed, inputs, versions and time, as in the ``run.json`` of a run.
    """

    task: str
    kind: str
    held_out: str
    measures: tuple[Measure, ...]
    scores: tuple[Score, ...]
    items: pd.DataFrame
    n_blocks: int
    notes: tuple[str, ...]
    skipped: Mapping[str, str]
    record: Mapping[str, Any]

    @property
    def method(self) -> str:
        """Name of the chosen method."""
        return self.scores[0].name

    @property
    def seconds(self) -> float:
        """How long it took."""
        return float(self.record["wall_seconds"])

    @property
    def outcome(self) -> str:
        """``"better"``, ``"no better"`` or ``"worse"`` than the best baseline."""
        return words.outcome(self.scores)

    @property
    def verdict(self) -> str:
        """How much better or worse the method is than the best of its baselines."""
        return self.told.text

    @property
    def told(self) -> Verdict:
        """The verdict, and whether it is a warning."""
        return words.verdict(self.scores, self.measures, self.held_out)

    def table(self) -> pd.DataFrame:
        """Return a row for each method, the chosen one first.

        Of each measure the value, and by how much the chosen method is better (``_gain``), each
        with the ends of its 95% interval (``_low``, ``_high``).
        """
        rows = []
        for score in self.scores:
            row: dict[str, Any] = {"method": score.title}
            for measure, value, gain in zip(self.measures, score.values, score.gains, strict=True):
                for name, found in ((measure.own, value), (f"{measure.own}_gain", gain)):
                    ends = (None, None, None) if found is None else found
                    row |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
            rows.append({**row, "seconds": score.seconds})
        table = pd.DataFrame(rows, index=[score.name for score in self.scores])
        numbers = [name for name in table if name != "method"]
        return table.astype(dict.fromkeys(numbers, float))

    def picture(self, *, dark: bool = False, narrow: bool = False, titled: bool = True) -> Figure:
        """Return the methods with their intervals, and the held-out items.

        Parameters
        ----------
        narrow
            One below the other, without the verdict, for a narrow column.
        titled
            Whether the verdict stands above.
        """
        title = self.told.text if titled and not narrow else ""
        return picture(self.scores, self.measures, self.items, title, dark=dark, narrow=narrow)

    def save(self, folder: str | Path) -> Path:
        """Write record, tables and picture into a folder: all of them, or none.

        Raises
        ------
        InputError
            The folder holds other files, or cannot be written.
        """
        storage.check_replaceable(folder, RECORD, f"Try {Path(folder) / 'validation'}.")
        with storage.atomic_folder(folder) as temporary:
            storage.dump_json(temporary / RECORD, self.described())
            self.table().to_csv(temporary / TABLE, index_label="name", float_format="%.6g")
            self.items.to_csv(temporary / ITEMS, index=False, float_format="%.6g")
            figure = self.picture()
            save_png(figure, temporary / PNG)
            figure.savefig(temporary / SVG, metadata={"Date": None})
        return Path(folder)

    def described(self) -> dict[str, Any]:
        """Return all but the items, for JSON."""
        return {
            "format": _FORMAT,
            "task": self.task,
            "kind": self.kind,
            "held_out": self.held_out,
            "measures": [asdict(measure) for measure in self.measures],
            "scores": [asdict(score) for score in self.scores],
            "n_blocks": self.n_blocks,
            "outcome": self.outcome,
            "verdict": self.verdict,
            "notes": list(self.notes),
            "skipped": dict(self.skipped),
            "record": dict(self.record),
        }

    @classmethod
    def from_described(cls, content: Mapping[str, Any], items: pd.DataFrame) -> Self:
        """Return what `described` said, with its items."""
        return cls(
            content["task"],
            content["kind"],
            content["held_out"],
            tuple(_measure(one) for one in content["measures"]),
            tuple(_score(one) for one in content["scores"]),
            items,
            content["n_blocks"],
            tuple(content["notes"]),
            content["skipped"],
            content["record"],
        )

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            The folder holds no validation, or one of a newer version.
        """
        path = Path(folder) / RECORD
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] > _FORMAT:
                raise InputError(
                    f"Expected a validation of format {_FORMAT} or older, found "
                    f"{content['format']}.",
                    remedy="Try a newer version of napari-spatialrecon.",
                    where=str(path),
                )
            items = pd.read_csv(Path(folder) / ITEMS, dtype={"name": str})
            return cls.from_described(content, items)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"Expected the folder of a validation, found none ({error}).",
                remedy=f"Try a folder that holds {RECORD} and {ITEMS}.",
                where=str(folder),
            ) from error


def _measure(content: Mapping[str, Any]) -> Measure:
    return Measure(**{**content, "yardsticks": tuple(map(tuple, content["yardsticks"]))})


def _score(content: Mapping[str, Any]) -> Score:
    values, gains = (
        tuple(None if one is None else Interval(*one) for one in content[name])
        for name in ("values", "gains")
    )
    return Score(content["name"], content["title"], values, gains, content["seconds"])
