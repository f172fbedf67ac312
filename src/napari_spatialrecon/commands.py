"""What each verb of the command line does."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_spatialrecon.config import Config
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.outputs import resume_folder
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
    if options.model and (options.set or options.config):
        raise InputError(
            "Expected settings or a saved model, which has its own, found both.",
            remedy="Try without --set and --config, or without --model.",
        )
    return {
        "seed": options.seed,
        "device": options.device,
        "model": options.model,
        "folder": resume_folder(options),
        "resume": bool(options.resume),
        "progress": bar.show,
        "should_stop": stop.is_set,
    }


def _finish(result: PlaceResult, options: argparse.Namespace) -> None:
    if options.save_model:
        result.method.save(options.save_model)
    if options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        draw_placed(result.adata, options.picture)
    result.record.settings |= _asked(options)
    path, record = result.write(options.out)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result.verdict, file=sys.stderr)
    print(f"{result.adata.n_obs} cells placed: {path} (run: {record.name})", file=sys.stderr)
    _summarise(result.record.to_dict(), options)


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a record keeps of the command line besides the config."""
    names = ("query", "reference", "landmarks", "model", "start_from", "onto", "preset")
    given = {name: getattr(options, name, None) for name in names}
    return {"command": options.command, **{k: v for k, v in given.items() if v}}


def run_train(options: argparse.Namespace, stop: threading.Event) -> None:
    """Train a method on slides and keep it."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.placing import train

    info = find_method(options.method, "place")
    base = info.method().load(options.start_from) if options.start_from else None
    config = _config(info.config(), options, None if base is None else base.config)
    references = _read_slides(options.reference)
    with Bar(options.progress) as bar:
        fitted, record = train(
            references,
            method=options.method,
            config=config,
            seed=options.seed,
            device=options.device,
            folder=resume_folder(options),
            resume=bool(options.resume),
            start_from=base,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    record.settings |= _asked(options)
    fitted.save(options.out)
    record.write(Path(options.out) / "run.json")
    print(f"model saved: {options.out}", file=sys.stderr)
    _summarise(record.to_dict(), options)


def run_evaluate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Measure a result against the truth."""
    from napari_spatialrecon.evaluation.evaluate import evaluate_place

    truth, prediction = _read(options.truth), _read(options.prediction)
    report = evaluate_place(truth, prediction, seed=options.seed)
    if options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        draw_placed(prediction, options.picture, truth=truth, color=options.color)
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


def _config(
    config_class: type[AnyConfig], options: argparse.Namespace, base: AnyConfig | None = None
) -> AnyConfig:
    """Return preset (or `base`, where none was asked for), then file, then single settings."""
    config = base
    if config is None or options.preset:
        config = config_class.preset(options.preset or "quick")
    if options.config:
        config = config_class.from_toml(options.config, start=config)
    return config.with_text(options.set)


def _read(path: str) -> AnnData:
    """Read a table; images that it names by file are named so that they are found from anywhere."""
    from napari_spatialrecon.tissue.read import read_adata

    adata = read_adata(path)
    folder = Path(path).resolve().parent
    libraries = adata.uns.get("spatial", {})
    for library in libraries.values() if isinstance(libraries, dict) else ():
        files = library.get("images_files", {}) if isinstance(library, dict) else {}
        for key, name in files.items():
            files[key] = str(folder / str(name))
    return adata


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


def _summarise(content: Any, options: argparse.Namespace) -> None:
    if options.json is None:
        return
    text = json.dumps(content, default=str)
    plain = json.loads(text, parse_constant=lambda _: None)
    if options.json == "-":
        print(json.dumps(plain, indent=2))
        return
    from napari_spatialrecon.storage import write_json

    write_json(options.json, plain)
