"""The folder of real tissue that the experiments read.

Every script takes the folder as ``--data DIR``; the default is ``SPATIALRECON_DATA`` if set, else
``../shared/data`` beside the repository. README.md in this folder describes how each file is made
from its source.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from napari_spatialrecon.command_line.face import CommandLine
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.faces import speaking


def default_folder() -> Path:
    """Return the folder that ``SPATIALRECON_DATA`` names, or the one beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("SPATIALRECON_DATA", beside))


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Let a script take the folder of data as ``--data DIR``, a `DataFolder`."""
    parser.add_argument(
        "--data",
        type=DataFolder,
        default=DataFolder(default_folder()),
        metavar="DIR",
        help="folder of the data sets (default: $SPATIALRECON_DATA, else ../shared/data)",
    )


def run(main: Callable[[], None]) -> None:
    """Run a script; what is wrong with its input is said in a sentence, without a traceback."""
    with speaking(CommandLine()):
        try:
            main()
        except SpatialReconError as error:
            raise SystemExit(str(error)) from None
