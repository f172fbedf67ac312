"""Commands that bring their own data: simulate, download, demo."""

from __future__ import annotations

import argparse
import sys
import threading
from typing import Any

from napari_spatialrecon.command_line.options import add_common_options, add_settings, add_verb
from napari_spatialrecon.command_line.running import config_of, summarise
from napari_spatialrecon.command_line.terminal import Bar


def add(verbs: Any) -> None:
    """Add the commands."""
    _add_simulate(verbs)
    _add_download(verbs)
    _add_demo(verbs)


def _add_simulate(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "simulate",
        "simulate a tissue with known ground truth",
        run_simulate,
        folders=["out"],
    )
    verb.add_argument("--tissue", choices=("cortex", "tumour"), default="cortex")
    verb.add_argument("--out", metavar="DIR", required=True)
    add_settings(verb)
    add_common_options(verb)


def _add_download(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "download",
        "download public tissue, checked by its SHA-256, as tables",
        run_download,
        folders=["out"],
    )
    verb.add_argument("name", metavar="NAME", help="data set: her2, hippocampus")
    verb.add_argument("--out", metavar="DIR", required=True)
    verb.add_argument(
        "--source", metavar="DIR", help="address or folder of a copy; the hashes have to agree"
    )
    add_common_options(verb)


def _add_demo(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "demo",
        "simulate a tissue, place its cells, evaluate and draw",
        run_demo,
        folders=["out"],
    )
    verb.add_argument("--tissue", choices=("cortex", "tumour"), default="cortex")
    verb.add_argument("--out", metavar="DIR", default="demo-output")
    add_common_options(verb)


def run_simulate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Write a simulated tissue."""
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
    from napari_spatialrecon.tissue.simulator.simulate import simulate

    config = config_of(SimulatorConfig, options)
    with Bar(options.progress) as bar:
        tissue = simulate(options.tissue, config, options.seed, Reporter(bar.show, stop.is_set))
    files = tissue.write(options.out)
    print(f"simulated {options.tissue} in {options.out}", file=sys.stderr)
    summarise({"files": [str(f) for f in files]}, options)


def run_download(options: argparse.Namespace, stop: threading.Event) -> None:
    """Download a data set and list its tables."""
    from napari_spatialrecon.tissue.downloads import DATASETS, download

    with Bar(options.progress) as bar:
        files = download(
            options.name,
            options.out,
            source=options.source,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    print(f"{DATASETS[options.name].citation}", file=sys.stderr)
    print("\n".join(str(file) for file in files.values()), file=sys.stderr)
    summarise({"files": [str(file) for file in files.values()]}, options)


def run_demo(options: argparse.Namespace, stop: threading.Event) -> None:
    """Run the demo and list the files to open."""
    from napari_spatialrecon import demo

    with Bar(options.progress) as bar:
        report = demo.run_demo(
            options.out, options.tissue, options.seed, progress=bar.show, should_stop=stop.is_set
        )
    print(report.text)
    summarise(report.summary, options)
