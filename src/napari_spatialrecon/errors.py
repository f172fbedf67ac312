"""Errors that state what was expected, what was found and what to try.

Every error that a user can cause derives from `SpatialReconError`. `assert` is reserved for
internal errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_spatialrecon.faces import argument, spoken


@dataclass(frozen=True)
class Problem:
    """A single problem with an input.

    Parameters
    ----------
    where
        File and slot, for instance ``slide.h5ad: obsm["spatial"]``.
    message
        "Expected X, found Y.", in full sentences. Never prints whole arrays.
    remedy
        "Try Z.": what the user can do about it. What it names of a call, it names by `faces`.
    """

    where: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return spoken(f"{place}{self.message}{' ' + self.remedy if self.remedy else ''}")


class SpatialReconError(Exception):
    """Base class of all errors of this package; carries a remedy.

    Parameters
    ----------
    message
        What was expected and what was found.
    remedy
        What to try.
    where
        File, slot, gene or cell concerned.
    """

    def __init__(self, message: str, *, remedy: str = "", where: str = "") -> None:
        self.problem = Problem(where, message, remedy)
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.problem)

    @property
    def remedy(self) -> str:
        """What to try, in the words of the face that is speaking."""
        return spoken(self.problem.remedy)


class InputError(SpatialReconError, ValueError):
    """A file, table or option is not what the task needs: a `ValueError` that says what to try."""


class WriteError(InputError):
    """A result could not be written: the disk is full, or the place cannot be written."""


class ConfigError(InputError):
    """A hyper-parameter is unknown, has the wrong type or is out of bounds."""


class CheckpointError(InputError):
    """A saved model cannot be used: wrong method, genes or format, or a damaged file."""


class ChoiceError(InputError):
    """A file holds several of what a read needs one of, and none, or an unknown one, was named.

    Parameters
    ----------
    what
        What there are several of, in words: "libraries", "tables".
    option
        The option that chooses: a field of `ReadOptions`.
    choices
        What there is.
    asked
        What was named; None if nothing was.
    where
        File and slot.
    """

    def __init__(
        self,
        what: str,
        option: str,
        choices: Sequence[str],
        *,
        asked: str | None = None,
        where: str = "",
    ) -> None:
        assert choices, "a choice needs something to choose from"
        self.what, self.option, self.asked = what, option, asked
        self.choices = tuple(map(str, choices))
        shown = ", ".join(self.choices[:10]) + (", ..." if len(self.choices) > 10 else "")
        if asked is None:
            found = f"Expected one of {len(self.choices)} {what}, found none chosen: {shown}."
        else:
            found = f"Expected one of these {what}: {shown}; found {asked!r}."
        super().__init__(found, remedy=f"Try {argument(option, self.choices[0])}.", where=where)


class ValidationError(InputError):
    """All problems of an input at once.

    Parameters
    ----------
    problems
        At least one `Problem`.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems, "a ValidationError needs a problem"
        self.problems = tuple(problems)
        self.problem = self.problems[0]
        Exception.__init__(self, self.problem.message)

    def __str__(self) -> str:
        return "\n".join(f"- {p}" for p in self.problems)

    @property
    def remedy(self) -> str:
        """The remedies of all problems, one per line."""
        return spoken("\n".join(p.remedy for p in self.problems if p.remedy))


class DivergedError(SpatialReconError):
    """Training produced a loss that is not finite; the last checkpoint is kept."""


#: What is raised where code takes something for what it is not; of a damaged file by libraries too.
_MISTAKES = (TypeError, AttributeError, NameError, AssertionError, ImportError)


def is_mistake(error: BaseException) -> bool:
    """Whether an exception tells of a mistake in this program, and not of damage in what it reads.

    It does where it is of such a kind and was raised by a line of this package, not by a library
    that the line calls.

    Examples
    --------
    >>> is_mistake(TypeError("raised nowhere"))
    False
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not isinstance(error, _MISTAKES):
        return False
    return Path(trace.tb_frame.f_code.co_filename).is_relative_to(Path(__file__).parent)


class Stopped(SpatialReconError):
    """The user stopped the run; `checkpoint` is the folder to resume from, if any."""

    def __init__(self, message: str = "Stopped by the user.", *, checkpoint: str = "") -> None:
        remedy = f"Resume from {checkpoint}." if checkpoint else ""
        super().__init__(message, remedy=remedy)
        self.checkpoint = checkpoint
