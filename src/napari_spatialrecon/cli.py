"""``spatialrecon``: the tasks on a command line.

Messages and progress go to stderr, data to files, summaries to ``--json`` or stdout. Exit codes:
0 done, 2 wrong input or option (nothing is written), 130 stopped by the user (checkpoint kept).
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from napari_spatialrecon import commands
from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.outputs import guarded
from napari_spatialrecon.terminal import limit_threads, stop_on_interrupt

DONE, WRONG_INPUT, STOPPED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    options = _parser().parse_args(words)
    options.command = shlex.join(["spatialrecon", *words])
    stop = stop_on_interrupt()
    try:
        limit_threads(getattr(options, "threads", None))
        with guarded(options):
            options.run(options, stop)
    except Stopped as stopped:
        print(f"\nspatialrecon: {stopped}", file=sys.stderr)
        return STOPPED
    except SpatialReconError as error:
        print(f"spatialrecon: {error}", file=sys.stderr)
        return WRONG_INPUT
    except BrokenPipeError:  # whoever read the summary has seen enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spatialrecon",
        description="Put back what a spatial measurement lost. See 'spatialrecon methods'.",
    )
    parser.add_argument("--version", action="version", version=_version())
    verbs = parser.add_subparsers(title="tasks", metavar="TASK", required=True)
    _add_place(verbs)
    _add_impute_locations(verbs)
    _add_train(verbs)
    _add_evaluate(verbs)
    _add_simulate(verbs)
    _add_demo(verbs)
    methods = _verb(
        verbs, "methods", "what there is, for which task, with presets", commands.run_methods
    )
    methods.add_argument("--json", metavar="FILE", nargs="?", const="-", help="as JSON")
    return parser


def _verb(
    verbs: Any,
    name: str,
    help: str,
    run: Callable[..., None],
    *,
    files: Mapping[str, str] = types.MappingProxyType({}),
    folders: Sequence[str] = (),
    replaced: Sequence[str] = (),
) -> argparse.ArgumentParser:
    """Add a verb.

    Parameters
    ----------
    files
        Options that name files it writes, and how they end.
    folders, replaced
        Options that name folders it writes, and which of them it replaces as a whole.
    """
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=help, description=help)
    verb.set_defaults(run=run, files={**files, "json": ""}, folders=folders, replaced=replaced)
    return verb


def _add_placing_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--model", metavar="DIR", help="use this saved model instead of training")
    verb.add_argument("--save-model", metavar="DIR", help="keep the trained model")
    verb.add_argument("--picture", metavar="FILE.png", help="draw the result on the histology")
    _add_training_options(verb)


def _add_training_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--method", required=True, help="see 'methods'")
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    verb.add_argument("--resume", metavar="DIR", help="go on from a stopped run")
    _add_settings(verb)
    _add_common_options(verb)


def _add_settings(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--preset", help="quick (the default), standard or paper")
    verb.add_argument("--config", metavar="FILE.toml", help="settings over the preset")
    verb.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="one setting (repeatable)"
    )


def _seed(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or more, found {text!r}")
    return int(text)


def _add_common_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--seed", type=_seed, default=0, help="same seed, same result")
    verb.add_argument("--json", metavar="FILE", help="write a summary; - for stdout")
    verb.add_argument("--threads", type=int, help="threads to compute with (cores - 1)")
    verb.add_argument(
        "--progress",
        choices=("auto", "bar", "json", "none"),
        default="auto",
        help="a bar, a JSON line a moment, or nothing; auto: a bar on a terminal",
    )


def _add_place(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "place",
        "place dissociated cells on reference slides",
        commands.run_place,
        files={"out": ".h5ad", "picture": ".png"},
        folders=["save_model"],
        replaced=["save_model"],
    )
    verb.add_argument(
        "--reference", metavar="SLIDE", action="append", default=[], help="h5ad or Space Ranger"
    )
    verb.add_argument("--query", metavar="CELLS", required=True)
    verb.add_argument("--out", metavar="PLACED.h5ad", required=True)
    verb.add_argument("--display", metavar="NAME", help="reference whose frame the result has")
    verb.add_argument(
        "--onto", metavar="SLIDE", help="lay the result on this slide's H&E, by its image alone"
    )
    _add_placing_options(verb)


def _add_impute_locations(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "impute-locations",
        "place all cells from the known places of some",
        commands.run_impute,
        files={"out": ".h5ad", "picture": ".png"},
        folders=["save_model"],
        replaced=["save_model"],
    )
    verb.add_argument("--query", metavar="CELLS", required=True)
    verb.add_argument("--landmarks", metavar="FILE.csv", required=True, help="obs_name,x,y")
    verb.add_argument("--reference", metavar="SLIDE", action="append", default=[])
    verb.add_argument("--out", metavar="PLACED.h5ad", required=True)
    _add_placing_options(verb)


def _add_train(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "train",
        "train a placing method once, for many queries",
        commands.run_train,
        folders=["out"],
        replaced=["out"],
    )
    verb.add_argument("--reference", metavar="SLIDE", action="append", required=True)
    verb.add_argument("--out", metavar="DIR", required=True)
    verb.add_argument("--start-from", metavar="DIR", help="fine-tune this saved model")
    _add_training_options(verb)


def _add_evaluate(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "evaluate",
        "compare a result with the truth",
        commands.run_evaluate,
        files={"picture": ".png"},
    )
    verb.add_argument("task", choices=("place",))
    verb.add_argument("--truth", metavar="A.h5ad", required=True)
    verb.add_argument("--prediction", metavar="B.h5ad", required=True)
    verb.add_argument("--picture", metavar="FILE.png", help="draw result and truth side by side")
    verb.add_argument("--color", metavar="COLUMN", help="obs column or gene to colour by")
    _add_common_options(verb)


def _add_simulate(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "simulate",
        "make a tissue whose truth is known",
        commands.run_simulate,
        folders=["out"],
    )
    verb.add_argument("--tissue", choices=("cortex", "tumour"), default="cortex")
    verb.add_argument("--out", metavar="DIR", required=True)
    _add_settings(verb)
    _add_common_options(verb)


def _add_demo(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "demo",
        "simulate a tissue, place its cells, draw and judge",
        commands.run_demo,
        folders=["out"],
    )
    verb.add_argument("--tissue", choices=("cortex", "tumour"), default="cortex")
    verb.add_argument("--out", metavar="DIR", default="demo-output")
    _add_common_options(verb)


def _version() -> str:
    from importlib.metadata import version

    return f"napari-spatialrecon {version('napari-spatialrecon')}"
