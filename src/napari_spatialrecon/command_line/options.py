"""Options shared by several commands; imports nothing heavy."""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from napari_spatialrecon.errors import InputError

#: Suffixes of a result.
RESULT = ".h5ad|.zarr"


class Once(argparse.Action):
    """Keeps the value of an option, and refuses a second one."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the value.

        Raises
        ------
        InputError
            The option was given before.
        """
        given: set[str] = vars(namespace).setdefault("given", set())
        if self.dest in given:
            before, name = getattr(namespace, self.dest), option_string or self.dest
            raise InputError(
                f"Expected {name} once, found it with {before} and with {values}.",
                remedy="Try one of the two.",
            )
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def add_verb(
    verbs: Any,
    name: str,
    help: str,
    run: Callable[..., None],
    *,
    files: Mapping[str, str] = types.MappingProxyType({}),
    folders: Sequence[str] = (),
    replaced: Mapping[str, str] = types.MappingProxyType({}),
) -> argparse.ArgumentParser:
    """Add a command.

    Parameters
    ----------
    run
        Called with the parsed options and an event that is set when the user requests a stop.
    files
        Options that name output files, and their suffixes.
    folders
        Options that name output folders.
    replaced
        Those that are replaced as a whole, and the file that identifies such a folder.
    """
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=help, description=help)
    for action in (None, "store"):
        verb.register("action", action, Once)
    verb.set_defaults(
        verb=name, run=run, files={**files, "json": ""}, folders=folders, replaced=replaced
    )
    return verb


def add_result_options(verb: argparse.ArgumentParser, metavar: str) -> None:
    """Add the output of a task that writes a table."""
    verb.add_argument(
        "--out",
        metavar=metavar,
        required=True,
        help="or .zarr: SpatialData, with all that a SpatialData input holds",
    )
    verb.add_argument(
        "--add",
        action="store_true",
        help="add the result to the SpatialData zarr of --out, which may be the input",
    )


def add_training_options(verb: argparse.ArgumentParser, method: str | None = None) -> None:
    """Add method (required unless a default is given), device, resuming and common options."""
    shown = "see 'methods'" if method is None else f"see 'methods'; by default {method}"
    verb.add_argument("--method", required=method is None, default=method, help=shown)
    add_device(verb)
    verb.add_argument("--resume", metavar="DIR", help="resume a stopped run")
    add_settings(verb)
    add_common_options(verb)


def add_device(verb: argparse.ArgumentParser) -> None:
    """Add the device, and how many processes train together."""
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    verb.add_argument(
        "--devices",
        type=int,
        metavar="N",
        help="train in N processes on each machine, one for each GPU or core",
    )
    verb.add_argument(
        "--nodes",
        type=int,
        metavar="M",
        help="machines that train together, each with the same command (srun or torchrun)",
    )


def add_settings(verb: argparse.ArgumentParser) -> None:
    """Add the options that change a config."""
    verb.add_argument("--preset", help="quick (the default), standard or paper")
    verb.add_argument("--config", metavar="FILE.toml", help="settings that override the preset")
    verb.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="one setting (repeatable)"
    )


def add_over_memory(verb: argparse.ArgumentParser) -> None:
    """Add the option that starts a run which may not fit the memory."""
    verb.add_argument(
        "--over-memory",
        action="store_true",
        help="run even if it is expected to take more memory than is free; by default a terminal "
        "is asked, and a command without one is refused",
    )


def add_common_options(verb: argparse.ArgumentParser) -> None:
    """Add seed, summary, threads and progress."""
    verb.add_argument(
        "--seed", type=_seed, default=0, help="random seed; the same seed gives the same result"
    )
    verb.add_argument("--json", metavar="FILE", help="write a summary; - for stdout")
    verb.add_argument("--threads", type=int, help="CPU threads (default: cores - 1)")
    verb.add_argument(
        "--progress",
        choices=("auto", "bar", "json", "none"),
        default="auto",
        help="a bar, JSON lines, or nothing; auto: a bar on a terminal",
    )


def _seed(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or more, found {text!r}")
    return int(text)
