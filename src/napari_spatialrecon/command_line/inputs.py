"""Reading the tables of a command, with the reading options of its command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from napari_spatialrecon.command_line.outputs import INPUTS
from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue.formats.naming import numbered, table_name
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.slots import NOTES, OURS, READ

if TYPE_CHECKING:
    from anndata import AnnData


def add_reading_options(verb: argparse.ArgumentParser) -> None:
    """Add the options of `ReadOptions`; each may be repeated, once per ``--reference``."""
    group = verb.add_argument_group(
        "reading",
        "given once, for every input that has it; once per --reference, in order; or as FILE=NAME "
        "for the input of that name",
    )
    for option in fields(ReadOptions):
        group.add_argument(
            f"--{option.name.replace('_', '-')}",
            metavar=option.metadata["metavar"],
            action="append",
            default=[],
            help=option.metadata["help"],
        )


class Inputs:
    """Reads the tables of one command; at the end, refuses reading options that none of them has.

    Parameters
    ----------
    options
        The parsed command line.

    Examples
    --------
    >>> with Inputs(options) as inputs:  # doctest: +SKIP
    ...     slides = inputs.slides(options.reference)
    ...     cells = inputs.table(options.query)
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._given = {
            name: values for name in ReadOptions.names() if (values := getattr(options, name, []))
        }
        self._slides = len(getattr(options, "reference", None) or [])
        named = [getattr(options, name, None) or [] for name in INPUTS]
        paths = [path for found in named for path in ([found] if isinstance(found, str) else found)]
        self._files = {name for path in paths for name in _names(path)}
        self._used: set[str] = set()
        self._refused: dict[str, ChoiceError] = {}

    def __enter__(self) -> Self:
        for name, values in self._given.items():
            values = [value for value in values if not self._of_file(value)]
            if len(values) > 1 and len(values) != self._slides:
                flag = f"--{name.replace('_', '-')}"
                raise InputError(
                    f"Expected {flag} once, or once per --reference ({self._slides}), "
                    f"found it {len(values)} times.",
                    remedy=f"Try {flag} {values[0]} alone.",
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        for name, values in self._given.items():
            if name in self._used:
                continue
            if name in self._refused:
                raise self._refused[name]
            flag = f"--{name.replace('_', '-')}"
            raise InputError(
                f"Expected an input that has a choice for {flag}, found none.",
                remedy=f"Try without {flag} {values[0]}.",
            )

    def table(self, path: str, *, backed: bool | None = False) -> AnnData:
        """Read a table in any format, and print what its reader has to say.

        Parameters
        ----------
        backed
            As in `read_adata`.
        """
        return self._read(path, self._chosen(path), backed)

    def slides(self, paths: Sequence[str], *, backed: bool | None = False) -> dict[str, AnnData]:
        """Read slides under short names; repeated names get a number."""
        names = numbered([table_name(Path(path)) for path in paths])
        return {
            name: self._read(path, self._chosen(path, place), backed)
            for place, (name, path) in enumerate(zip(names, paths, strict=True))
        }

    def _of_file(self, value: str) -> str:
        """Return the input that a value ``FILE=NAME`` names, or nothing."""
        file = value.partition("=")[0]
        return file if "=" in value and file in self._files else ""

    def _chosen(self, path: str, place: int | None = None) -> dict[str, str]:
        """Return the options of one input; `place` is that of a slide among the references."""
        chosen = {}
        for name, values in self._given.items():
            own = [v.partition("=")[2] for v in values if self._of_file(v) in _names(path)]
            common = [v for v in values if not self._of_file(v)]
            if own:
                chosen[name] = own[-1]
            elif len(common) == 1:
                chosen[name] = common[0]
            elif common and place is not None:
                chosen[name] = common[place]
        return chosen

    def _read(self, path: str, chosen: dict[str, str], backed: bool | None) -> AnnData:
        from napari_spatialrecon.tissue.read import read_with

        refused: ChoiceError | None = None
        while True:
            try:
                adata = read_with(path, ReadOptions.of(chosen), backed=backed)
                break
            except ChoiceError as error:
                if refused is not None and refused.option == error.option:
                    raise refused from error
                if error.option not in chosen:
                    raise
                refused = error
                told = self._refused.get(error.option)
                if told is None or len(error.choices) > len(told.choices):
                    self._refused[error.option] = error
                chosen = {k: v for k, v in chosen.items() if k != error.option}
        ours = adata.uns[OURS]
        self._used |= {*ours[READ]} & {*chosen}
        for note in ours.get(NOTES, ()):
            print(f"note: {Path(path).name}: {note}", file=sys.stderr)
        return adata


def _names(path: str) -> set[str]:
    """Return how a value ``FILE=NAME`` may call an input: by its name, with or without suffix."""
    return {Path(path).name, Path(path).stem, path}
