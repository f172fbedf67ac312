"""Shared by the commands: settings, tables, summaries."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_spatialrecon.hyperparameters import Config

if TYPE_CHECKING:
    from anndata import AnnData

AnyConfig = TypeVar("AnyConfig", bound=Config)

#: Options stored in a record besides the config.
ASKED = (
    "query",
    "reference",
    "slide",
    "landmarks",
    "pairs",
    "like",
    "labels",
    "factor",
    "model",
    "start_from",
    "onto",
    "preset",
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


def read_table(path: str) -> AnnData:
    """Read a table: h5ad or a Space Ranger folder."""
    from napari_spatialrecon.tissue.read import read_adata

    return read_adata(path)


def read_slides(paths: Sequence[str]) -> dict[str, AnnData]:
    """Read slides under short names; repeated names get a number."""
    slides: dict[str, AnnData] = {}
    for path in paths:
        stem = Path(path).stem if Path(path).suffix else Path(path).name
        name, number = stem, 2
        while name in slides:
            name, number = f"{stem} ({number})", number + 1
        slides[name] = read_table(path)
    return slides


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
