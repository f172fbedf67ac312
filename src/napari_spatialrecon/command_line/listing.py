"""methods: list the available methods."""

from __future__ import annotations

import argparse
import threading
from typing import Any

from napari_spatialrecon.command_line.options import add_verb
from napari_spatialrecon.command_line.running import summarise


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs, "methods", "list the methods of each task and their presets", run_methods
    )
    verb.add_argument("--json", metavar="FILE", nargs="?", const="-", help="as JSON")


def run_methods(options: argparse.Namespace, stop: threading.Event) -> None:
    """List the methods."""
    from napari_spatialrecon.methods.registry import METHODS

    if options.json is None:
        for info in METHODS:
            presets = ", ".join(info.config().presets())
            print(f"{info.name:14}{', '.join(info.tasks):26}{presets}\n        {info.summary}")
        return
    content = [
        {
            "name": info.name,
            "title": info.title,
            "tasks": list(info.tasks),
            "summary": info.summary,
            "presets": {
                name: dict(info.config().PRESETS[name]) for name in info.config().presets()
            },
            "settings": [
                {
                    "name": o.name,
                    "type": o.type.__name__,
                    "default": o.default,
                    "help": o.help,
                    "unit": o.unit,
                    "low": o.low,
                    "high": o.high,
                    "choices": list(o.choices),
                }
                for o in info.config().options()
            ],
        }
        for info in METHODS
    ]
    summarise(content, options)
