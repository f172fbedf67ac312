"""calibrate: measure the speed of this machine, for the times that are stated before runs."""

from __future__ import annotations

import argparse
import sys
import threading
from dataclasses import asdict
from typing import Any

from napari_spatialrecon.command_line.options import add_verb
from napari_spatialrecon.command_line.running import summarise
from napari_spatialrecon.command_line.terminal import Bar


def add(verbs: Any) -> None:
    """Add the command."""
    about = "measure the speed of this machine, for the times stated before runs"
    verb = add_verb(verbs, "calibrate", about, run_calibrate)
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    verb.add_argument("--json", metavar="FILE", help="write what was measured; - for stdout")
    verb.add_argument("--progress", choices=("auto", "bar", "json", "none"), default="auto")


def run_calibrate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Measure, remember and tell."""
    from napari_spatialrecon.pace import speeds_file
    from napari_spatialrecon.tasks.calibrating import calibrate

    with Bar(options.progress) as bar:
        found = calibrate(options.device, progress=bar.show, should_stop=stop.is_set)
    for kind, factor in found.factors.items():
        print(f"{kind:13} {factor:6.2f} x the time that estimates assume", file=sys.stderr)
    print(f"remembered for {found.machine} in {speeds_file()}", file=sys.stderr)
    summarise(asdict(found), options)
