"""What each verb of the command line does."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_spatialrecon.config import Config
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.terminal import Bar

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.tasks.placing import Onto
    from napari_spatialrecon.tasks.result import PlaceResult

AnyConfig = TypeVar("AnyConfig", bound=Config)


def run_place(options: argparse.Namespace, stop: threading.Event) -> None:
    """Place cells: read, check, place, write."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.placing import place

    config = _config(find_method(options.method, "place").config(), options)
    _check_output(options.out, ".h5ad")
    references = _read_slides(options.reference)
    if not references and options.model is None:
        raise InputError(
            "Expected at least one --reference or a --model, found neither.",
            remedy="Try --reference SLIDE.h5ad.",
        )
    query = _read(options.query)
    with Bar(options.progress) as bar:
        result = place(
            references,
            query,
            method=options.method,
            config=config,
            display=options.display,
            onto=_onto(options, references),
            query_name=Path(options.query).name,
            **_run_arguments(options, bar, stop),
        )
    _finish(result, options)


def run_impute(options: argparse.Namespace, stop: threading.Event) -> None:
    """Place cells from landmarks."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.placing import impute_locations
    from napari_spatialrecon.tissue.landmarks import read_landmarks

    config = _config(find_method(options.method, "impute-locations").config(), options)
    _check_output(options.out, ".h5ad")
    query = _read(options.query)
    landmarks = read_landmarks(options.landmarks, query.obs_names)
    references = _read_slides(options.reference)
    with Bar(options.progress) as bar:
        result = impute_locations(
            query,
            landmarks,
            references=references,
            method=options.method,
            config=config,
            query_name=Path(options.query).name,
            **_run_arguments(options, bar, stop),
        )
    _finish(result, options)


def _run_arguments(options: argparse.Namespace, bar: Bar, stop: threading.Event) -> dict[str, Any]:
    folder = options.resume or f"{Path(options.out).with_suffix('')}.resume"
    if options.resume and not Path(options.resume).is_dir():
        raise InputError(
            "Expected the folder of a stopped run, found none.", where=str(options.resume)
        )
    return {
        "seed": options.seed,
        "device": options.device,
        "model": options.model,
        "folder": folder,
        "resume": bool(options.resume),
        "progress": bar.show,
        "should_stop": stop.is_set,
    }


def _finish(result: PlaceResult, options: argparse.Namespace) -> None:
    if options.save_model:
        result.method.save(options.save_model)
    result.record.settings |= {
        "query": str(options.query),
        "references": [str(r) for r in options.reference],
        "preset": options.preset,
        "command": "spatialrecon " + " ".join(sys.argv[1:]),
    }
    path, record = result.write(options.out)
    shutil.rmtree(f"{Path(options.out).with_suffix('')}.resume", ignore_errors=True)
    if options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        slide = options.onto if getattr(options, "onto", None) else options.query
        draw_placed(result.adata, options.picture, folder=Path(slide).parent)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result.verdict, file=sys.stderr)
    print(f"{result.adata.n_obs} cells placed: {path} (run: {record.name})", file=sys.stderr)
    _summarise(result.record.to_dict(), options)


def run_train(options: argparse.Namespace, stop: threading.Event) -> None:
    """Train a method on slides and keep it."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.placing import train

    config = _config(find_method(options.method, "place").config(), options)
    references = _read_slides(options.reference)
    folder = options.resume or f"{options.out}.resume"
    with Bar(options.progress) as bar:
        fitted, record = train(
            references,
            method=options.method,
            config=None if options.start_from and not _is_configured(options) else config,
            seed=options.seed,
            device=options.device,
            folder=folder,
            resume=bool(options.resume),
            start_from=options.start_from,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    fitted.save(options.out)
    record.write(Path(options.out) / "run.json")
    shutil.rmtree(f"{options.out}.resume", ignore_errors=True)
    print(f"model saved: {options.out}", file=sys.stderr)
    _summarise(record.to_dict(), options)


def run_evaluate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Measure a result against the truth."""
    from napari_spatialrecon.evaluation.evaluate import evaluate_place

    truth, prediction = _read(options.truth), _read(options.prediction)
    report = evaluate_place(truth, prediction, seed=options.seed)
    if options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        folder = Path(options.truth).parent
        draw_placed(prediction, options.picture, truth=truth, color=options.color, folder=folder)
    if options.json is None:
        options.json = "-"
    _summarise(report, options)


def run_simulate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Write a simulated tissue."""
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
    from napari_spatialrecon.tissue.simulator.simulate import simulate

    config = _config(SimulatorConfig, options)
    with Bar(options.progress) as bar:
        tissue = simulate(options.tissue, config, options.seed, Reporter(bar.show, stop.is_set))
    files = tissue.write(options.out)
    print(f"simulated {options.tissue} in {options.out}", file=sys.stderr)
    _summarise({"files": [str(f) for f in files]}, options)


def run_demo(options: argparse.Namespace, stop: threading.Event) -> None:
    """Run the demo and say what to open."""
    from napari_spatialrecon import demo

    with Bar(options.progress) as bar:
        report = demo.run_demo(
            options.out, options.tissue, options.seed, progress=bar.show, should_stop=stop.is_set
        )
    print(report.text)
    _summarise(report.summary, options)


def run_methods(options: argparse.Namespace, stop: threading.Event) -> None:
    """List the methods."""
    from napari_spatialrecon.methods.registry import METHODS

    if options.json is None:
        for info in METHODS.values():
            presets = ", ".join(info.config().presets())
            print(f"{info.name:8}{', '.join(info.tasks):26}{presets}\n        {info.summary}")
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
        for info in METHODS.values()
    ]
    _summarise(content, options)


def _config(config_class: type[AnyConfig], options: argparse.Namespace) -> AnyConfig:
    config = config_class.preset(options.preset)
    if options.config:
        config = config_class.from_toml(options.config, start=config)
    return config.with_text(options.set)


def _is_configured(options: argparse.Namespace) -> bool:
    return bool(options.set or options.config or options.preset != "quick")


def _read(path: str) -> AnnData:
    from napari_spatialrecon.tissue.read import read_adata

    return read_adata(path)


def _read_slides(paths: Sequence[str]) -> dict[str, AnnData]:
    """Read slides under short names; the same name twice gets a number."""
    slides: dict[str, AnnData] = {}
    for path in paths:
        stem = Path(path).stem if Path(path).suffix else Path(path).name
        name, number = stem, 2
        while name in slides:
            name, number = f"{stem} ({number})", number + 1
        slides[name] = _read(path)
    return slides


def _onto(options: argparse.Namespace, references: dict[str, AnnData]) -> Onto | None:
    """Return the H&E to lay the result on, beside that of the slide it first lies on."""
    if options.onto is None:
        return None
    from napari_spatialrecon.tasks.placing import Onto
    from napari_spatialrecon.tissue.images import histology

    names = list(references)
    shown = options.display or (names[0] if names else None)
    if shown not in references:
        raise InputError(
            f"Expected the reference slide to lay on {options.onto}, found {shown!r}.",
            remedy="Try --display with the name of a reference that has an H&E image.",
        )
    target = _read(options.onto)
    images = []
    source = options.reference[names.index(shown)]
    for path, slide in ((source, references[shown]), (options.onto, target)):
        image = histology(slide, Path(path).parent)
        if image is None:
            raise InputError(
                "Expected an H&E image to lay the result on, found none.",
                remedy="Try slides with an image, or leave out --onto.",
                where=str(path),
            )
        images.append(image)
    return Onto(images[0], images[1], target)


def _check_output(path: str, suffix: str) -> None:
    if Path(path).suffix != suffix:
        raise InputError(
            f"Expected an output that ends in {suffix}, found {Path(path).name!r}.",
            remedy=f"Try --out {Path(path).stem}{suffix}.",
        )


def _summarise(content: Any, options: argparse.Namespace) -> None:
    if options.json is None:
        return
    if options.json == "-":
        print(json.dumps(content, indent=2, default=str))
        return
    from napari_spatialrecon.storage import write_json

    write_json(options.json, content)
