"""repeat: run again what a record tells of, and say whether the result is the same."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_spatialrecon.command_line import (
    alignment,
    encoding,
    genes,
    mixtures,
    placing,
    regions,
    super_resolution,
)
from napari_spatialrecon.command_line.options import add_verb
from napari_spatialrecon.command_line.outputs import INPUTS, guarded
from napari_spatialrecon.command_line.terminal import Approval, limit_threads
from napari_spatialrecon.command_line.together import asked_of_several
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.legacy import read_record
from napari_spatialrecon.tasks.memory import approving

#: Whose commands are repeated; nothing else that stands in a record is run.
_REPEATED = (placing, encoding, alignment, regions, genes, mixtures, super_resolution)
#: Options of a recorded command that are not repeated, since each names something to write.
_WRITTEN = ("json", "picture", "save_model", "save_alignment", "resume", "types")
#: Parts of a record that the result depends on, and what one of their entries is called.
_SAME = {"config": "value of", "seed": "", "versions": "version of"}


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "repeat",
        "repeat the run of a run.json, and compare its result with the first",
        run_repeat,
    )
    verb.add_argument("record", metavar="RUN.json")
    verb.add_argument("--out", metavar="PATH", help="of the new result; by default beside RUN.json")
    verb.add_argument(
        "--given",
        dest="stated",
        metavar="OPTION=VALUE",
        action="append",
        default=[],
        help="an input of a run in Python, whose record names no files: query=cells.h5ad",
    )
    verb.add_argument(
        "--progress",
        choices=("auto", "bar", "json", "none"),
        default="auto",
        help="as of the other commands",
    )


def run_repeat(options: argparse.Namespace, stop: threading.Event) -> None:
    """Run the command of a record with another output; compare the records and the results."""
    from napari_spatialrecon.command_line.same_result import same_result

    record = _read(Path(options.record))
    words = _recorded(record, options)
    asked = _asked(words, options)
    if asked_of_several(asked):
        raise InputError(
            "Expected a run in one process, found one of several that trained together.",
            remedy=f"Try its command: {shlex.join(words)}",
            where=options.record,
        )
    home = Path(options.record).resolve().parent
    first = _first(asked, home, Path(options.record))
    out = Path(options.out).resolve() if options.out else _beside(first)
    asked.out, asked.add, asked.progress = str(out), False, options.progress
    if isinstance(threads := record.get("threads"), int) and not getattr(asked, "threads", None):
        limit_threads(threads)
    with (
        contextlib.chdir(_folder_of_inputs(asked, home)),
        guarded(asked),
        approving(Approval(given=True)),  # the run is known to have ended once
    ):
        asked.run(asked, stop)
        made = read_record(_record_of(out))
        _require_same_inputs(record, made)
    for line in _differences(record, made):
        print(f"note: {line}", file=sys.stderr)
    print(same_result(first, out), file=sys.stderr)


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_record(path)
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            f"Expected the record of a run, found none: {error}.",
            remedy="Try a .run.json that lies beside a result, or run.json in a saved model.",
            where=str(path),
        ) from error


def _recorded(record: Mapping[str, Any], options: argparse.Namespace) -> list[str]:
    """Return the words of the command that a record holds, or asks for with what was given."""
    from napari_spatialrecon.report.repeating import NEEDED

    settings = record.get("settings")
    command = settings.get("command") if isinstance(settings, Mapping) else None
    if command is None and record.get("task") in NEEDED:
        return _asked_for(record, options)
    if options.stated:
        raise InputError(
            "Expected the record of a run in Python with --given, found that of a command.",
            remedy="Try without --given.",
            where=options.record,
        )
    return _words(command)


def _asked_for(record: Mapping[str, Any], options: argparse.Namespace) -> list[str]:
    """Return the words of a command for a record without one."""
    from anndata import AnnData

    from napari_spatialrecon.report.repeating import unknown, words_of
    from napari_spatialrecon.report.run import Run

    given: dict[str, list[str]] = {}
    for one in options.stated:
        name, _, value = one.partition("=")
        given.setdefault(name.removeprefix("--"), []).append(value)
    path = Path(options.record)
    run = Run(path.stem, AnnData(), record, _existing(path.parent, path.name))
    if missing := unknown(run, given):
        asked = " ".join(f"--given {name}={name.upper()}" for name in missing)
        raise InputError(
            "Expected the inputs of a run in Python, whose record names no files; found no "
            f"{', '.join(missing)}.",
            remedy=f"Try {asked}, with what was used.",
            where=options.record,
        )
    return words_of(run, given)


def _asked(words: list[str], options: argparse.Namespace) -> argparse.Namespace:
    """Return the options of the recorded command, of which none but ``--out`` writes anything."""
    verbs, parser = _parser()
    if words[:1] != ["spatialrecon"] or words[1:2] == [] or words[1] not in verbs:
        raise InputError(
            f"Expected the record of a command of {', '.join(verbs)}; found none in it.",
            remedy="Try the command that 'spatialrecon report' shows for its result.",
            where=options.record,
        )
    try:
        asked = parser.parse_args(words[1:])
    except (argparse.ArgumentError, SystemExit) as error:
        raise InputError(
            "Expected a command that this version knows, found another one.",
            remedy="Try the version of napari-spatialrecon that the record states.",
            where=options.record,
        ) from error
    asked.command = shlex.join(words)
    for name in _WRITTEN:
        if hasattr(asked, name):
            setattr(asked, name, None)
    return asked


def _words(command: object) -> list[str]:
    try:
        return shlex.split(command) if isinstance(command, str) else []
    except ValueError:  # a quotation that does not end
        return []


def _parser() -> tuple[list[str], argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(prog="spatialrecon", exit_on_error=False)
    verbs = parser.add_subparsers(required=True)
    for module in _REPEATED:
        module.add(verbs)
    return list(verbs.choices or ()), parser


def _first(asked: argparse.Namespace, home: Path, record: Path) -> Path:
    """Return where the first result lies, if it was not moved: beside its record, or around it."""
    if record.name == "run.json":
        return home
    found = _existing(home, record.name)
    return found or home / (record.name.removesuffix(".run.json") + Path(asked.out).suffix)


def _existing(home: Path, record: str) -> Path | None:
    """Return the table beside a record of this name, if there is one."""
    tables = (home / (record.removesuffix(".run.json") + ending) for ending in (".h5ad", ".zarr"))
    return next((table for table in tables if table.exists()), None)


def _beside(first: Path) -> Path:
    """Return where to repeat a result; elements of a store are named as its folder is."""
    if first.suffix == ".zarr":
        return first.parent / "repeated" / first.name
    return first.with_name(f"{first.stem}.repeated{first.suffix}")


def _record_of(out: Path) -> Path:
    return out.with_suffix(".run.json") if out.suffix in (".h5ad", ".zarr") else out / "run.json"


def _folder_of_inputs(asked: argparse.Namespace, home: Path) -> Path:
    """Return the folder that the inputs are named from: this one, or else that of the record."""
    named = [getattr(asked, name, None) or [] for name in INPUTS]
    paths = [Path(p) for found in named for p in ([found] if isinstance(found, str) else found)]
    here = Path.cwd()
    if not all(path.exists() for path in paths) and all((home / path).exists() for path in paths):
        return home
    return here


def _require_same_inputs(first: Mapping[str, Any], again: Mapping[str, Any]) -> None:
    before, now = first.get("inputs") or {}, again.get("inputs") or {}
    known, found = set(before.values()), set(now.values())
    other = [name for name, print_ in before.items() if print_ not in found]
    other += [name for name, print_ in now.items() if print_ not in known and name not in before]
    if other:
        raise InputError(
            f"Expected the inputs of that run, found other contents in {', '.join(other)}.",
            remedy="Try from the folder that holds the files it was given.",
        )


def _differences(first: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    lines = []
    for part, what in _SAME.items():
        before, now = first.get(part), again.get(part)
        if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
            if before != now:
                lines.append(f"the {part} was {before}, now {now}.")
            continue
        for name in sorted({*before, *now}):
            if before.get(name) != now.get(name):
                lines.append(f"the {what} {name} was {before.get(name)}, now {now.get(name)}.")
    for part in ("device", "threads", "platform"):
        if first.get(part) != again.get(part) and first.get(part) is not None:
            lines.append(f"the {part} was {first[part]}, now {again.get(part)}.")
    return lines
