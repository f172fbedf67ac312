"""``spatialrecon``: the command line.

Messages and progress go to stderr, data to files, summaries to ``--json`` or stdout. Exit codes: 0
done, 2 invalid input or option (nothing is written), 130 stopped by the user (checkpoint kept).
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from napari_spatialrecon.command_line import (
    alignment,
    batching,
    calibrating,
    comparing,
    encoding,
    evaluating,
    figures,
    genes,
    listing,
    mixtures,
    placing,
    regions,
    repeating,
    reporting,
    simulating,
    super_resolution,
    transferring,
    validating,
)
from napari_spatialrecon.command_line.face import CommandLine
from napari_spatialrecon.command_line.outputs import guarded
from napari_spatialrecon.command_line.terminal import Approval, limit_threads, stop_on_interrupt
from napari_spatialrecon.command_line.together import together
from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.faces import RELAYED, Relayed, speaking
from napari_spatialrecon.tasks.memory import approving

#: Modules that define the commands, in the order of the help.
VERBS = (
    placing,
    encoding,
    alignment,
    regions,
    genes,
    mixtures,
    evaluating,
    figures,
    comparing,
    super_resolution,
    validating,
    transferring,
    reporting,
    batching,
    repeating,
    simulating,
    calibrating,
    listing,
)
DONE, WRONG_INPUT, STOPPED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    with speaking(Relayed() if RELAYED in os.environ else CommandLine()):
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        options = _parser().parse_args(words)
        options.command = shlex.join(["spatialrecon", *words])
        stop = stop_on_interrupt()
        limit_threads(getattr(options, "threads", None))
        with (
            together(options) as writes,
            guarded(options) if writes else nullcontext(),
            approving(Approval(getattr(options, "over_memory", False))),
        ):
            options.run(options, stop)
    except Stopped as stopped:
        print(f"\nspatialrecon: {stopped}", file=sys.stderr)
        return STOPPED
    except SpatialReconError as error:
        print(f"spatialrecon: {error}", file=sys.stderr)
        return WRONG_INPUT
    except BrokenPipeError:  # the reader of the summary closed the pipe, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def run() -> None:
    """Run the command line and exit; a stopped run exits at once.

    Otherwise Python takes one to two seconds to unload torch after all output is written.
    """
    code = main()
    if code == STOPPED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spatialrecon",
        description="Reconstruct what a spatial measurement lost. See 'spatialrecon methods'.",
    )
    parser.add_argument("--version", action="version", version=_version())
    verbs = parser.add_subparsers(title="tasks", metavar="TASK", required=True)
    for module in VERBS:
        module.add(verbs)
    return parser


def _version() -> str:
    from importlib.metadata import version

    return f"napari-spatialrecon {version('napari-spatialrecon')}"
