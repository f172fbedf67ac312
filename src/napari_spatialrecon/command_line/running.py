"""Shared by the commands: settings, tables, summaries."""

from __future__ import annotations

import argparse
import json
from typing import Any, TypeVar

from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.tissue.formats.options import ReadOptions

AnyConfig = TypeVar("AnyConfig", bound=Config)

#: Options stored in a record besides the config.
ASKED = (
    "query",
    "reference",
    "slide",
    "landmarks",
    "pairs",
    "transform",
    "elements",
    "geojson",
    "column",
    "like",
    "labels",
    "factor",
    "model",
    "start_from",
    "onto",
    "preset",
    "devices",
    "nodes",
    *ReadOptions.names(),
)


def config_of(
    config_class: type[AnyConfig], options: argparse.Namespace, base: AnyConfig | None = None
) -> AnyConfig:
    """Return the preset (or `base` if none is given), updated by file and then single settings."""
    config = base
    if config is None or options.preset:
        config = config_class.preset(options.preset or "quick")
    if options.config:
        config = config_class.from_toml(options.config, start=config)
    return config.with_text(options.set)


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """Return the command-line options stored in a record besides the config."""
    given = {name: getattr(options, name, None) for name in ASKED}
    return {"command": options.command, **{k: v for k, v in given.items() if v}}


def summarise(content: Any, options: argparse.Namespace) -> None:
    """Write a summary to the path of ``--json``; NaN becomes null."""
    if options.json is None:
        return
    text = json.dumps(content, default=str)
    plain = json.loads(text, parse_constant=lambda _: None)
    if options.json == "-":
        print(json.dumps(plain, indent=2))
        return
    from napari_spatialrecon.storage import write_json

    write_json(options.json, plain)
