"""Outputs of a command: checked before it computes, removed if it fails."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_spatialrecon.claims import claimed
from napari_spatialrecon.command_line.options import RESULT
from napari_spatialrecon.errors import DivergedError, InputError, Stopped, WriteError
from napari_spatialrecon.storage import MANIFEST, check_replaceable
from napari_spatialrecon.tasks.resuming import ASKED

#: Options that name inputs of a command.
INPUTS = (
    "reference",
    "query",
    "slide",
    "landmarks",
    "pairs",
    "transform",
    "geojson",
    "like",
    "truth",
    "prediction",
    "config",
    "onto",
    "model",
    "encoder",
)


def resume_folder(options: argparse.Namespace) -> Path:
    """Return the folder in which a stopped run keeps its state for ``--resume``."""
    out = Path(options.out)
    return Path(options.resume or out.with_name(f"{out.stem}.resume"))


@contextmanager
def guarded(options: argparse.Namespace) -> Iterator[None]:
    """Check the outputs of a command; on failure, remove what it has written.

    The state that a stopped or diverged run keeps for resuming is not removed.

    Parameters
    ----------
    options
        ``files`` maps options that name output files to the suffix they must have ("" for any;
        several are joined by a bar),
        ``folders`` names options of output folders.

    Raises
    ------
    InputError
        An output has the wrong suffix, cannot be written, is also an input, is written by another
        run, or would replace a folder that this program did not write.
    WriteError
        A result could not be written. The state of a training that is done is kept.
    """
    outputs = _checked(options)
    if ".h5ad" in options.files.get("out", ""):
        outputs.append(Path(options.out).with_suffix(".run.json").resolve())
    checkpoints = None
    if hasattr(options, "resume"):
        checkpoints = resume_folder(options)
        _check_checkpoints(checkpoints, asked=bool(options.resume))
    new = [path for path in (*outputs, checkpoints) if path is not None and not path.exists()]
    with claimed([*outputs, *([] if checkpoints is None else [checkpoints])]):
        try:
            yield
        except (Stopped, DivergedError, WriteError) as error:
            kept = _kept(checkpoints, error)
            _clear(path for path in new if path != kept)
            if kept is not None and isinstance(error, Stopped) and not error.checkpoint:
                raise Stopped(checkpoint=str(kept)) from error
            if kept is not None and isinstance(error, WriteError):
                raise _resumable(error, kept) from error
            raise
        except BaseException:
            _clear(new)
            raise
        if checkpoints is not None:
            _clear([checkpoints])


def check_room(options: argparse.Namespace, needed: float) -> None:
    """Compare what the result will take with what is free; warn where it may not fit.

    Raises
    ------
    WriteError
        It cannot fit.
    """
    from napari_spatialrecon.tasks.room import room

    found = room(options.out, needed)
    found.require()
    if found.is_short:
        print(f"warning: the disk may be too full: {found.words}", file=sys.stderr)


def _kept(checkpoints: Path | None, error: Exception) -> Path | None:
    """Return the folder of a run's state, where that is worth to be kept.

    It is not, if it is that state which could not be written.
    """
    if checkpoints is None or not any(checkpoints.glob("*/")):
        return None
    if isinstance(error, WriteError) and Path(error.problem.where).is_relative_to(checkpoints):
        return None
    return checkpoints


def _resumable(error: WriteError, kept: Path) -> WriteError:
    return WriteError(
        str(error.args[0]),
        remedy=f"Try the same command with --resume {shlex.quote(str(kept))} and another --out, "
        "which writes the result without training again.",
        where=error.problem.where,
    )


def _checked(options: argparse.Namespace) -> list[Path]:
    """Return the paths of all requested outputs."""
    inputs: dict[Path, str] = {}
    for name in INPUTS:
        value = getattr(options, name, None) or []
        for path in [value] if isinstance(value, str) else value:
            inputs[Path(path).resolve()] = f"--{name}"
    seen: dict[Path, str] = {}
    for name in (*options.files, *options.folders):
        value = getattr(options, name, None)
        if value is None or (name == "json" and value == "-"):
            continue
        flag, path = f"--{name.replace('_', '-')}", Path(value)
        adds = name == "out" and getattr(options, "add", False)
        taken = seen.get(path.resolve()) or (None if adds else inputs.get(path.resolve()))
        if taken:
            raise InputError(
                f"Expected a separate output for {flag}, found that of {taken}.",
                remedy=f"Try another path for {flag}{_or_added(path, options)}.",
                where=value,
            )
        if name in options.files:
            _check_file(path, options.files[name], flag)
        else:
            _check_folder(path, flag, options.replaced.get(name))
        _check_writable(path, flag)
        if name == "out" and hasattr(options, "add") and path.suffix in RESULT.split("|"):
            from napari_spatialrecon.tasks.writing import check_output

            check_output(path, add=options.add)
        seen[path.resolve()] = flag
    return list(seen)


def _or_added(path: Path, options: argparse.Namespace) -> str:
    can = hasattr(options, "add") and path.suffix == ".zarr"
    return ", or --add to add the result to it" if can else ""


def _check_file(path: Path, suffix: str, flag: str) -> None:
    endings = suffix.split("|")
    if suffix and path.suffix not in endings:
        raise InputError(
            f"Expected an output with suffix {' or '.join(endings)}, found {path.name!r}.",
            remedy=f"Try {flag} {path.with_suffix(endings[0])}.",
        )
    if path.is_dir() and path.suffix != ".zarr":
        raise InputError(
            "Expected a file to write, found a folder.",
            remedy=f"Try {flag} {path / ('result' + endings[0])}.",
            where=str(path),
        )


def _check_folder(path: Path, flag: str, mark: str | None) -> None:
    if path.exists() and not path.is_dir():
        raise InputError("Expected a folder to write, found a file.", where=str(path))
    if mark is not None:
        within = "model" if mark == MANIFEST else Path(mark).stem
        check_replaceable(path, mark, f"Try {flag} {path / within}.")


def _check_writable(path: Path, flag: str) -> None:
    parent = next(p for p in path.absolute().parents if p.exists())
    if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
        raise InputError(
            "Expected a writable location, found one that is not.",
            remedy=f"Try another path for {flag}.",
            where=str(path),
        )


def _check_checkpoints(folder: Path, *, asked: bool) -> None:
    found = (folder / ASKED).is_file()
    if asked and not found:
        raise InputError(
            "Expected the folder of a stopped run, found none.",
            remedy="Try the folder named by the stopped run.",
            where=str(folder),
        )
    if folder.exists() and not found:
        raise InputError(
            "Expected this folder to be free for a stopped run, found other files there.",
            remedy="Try another --out.",
            where=str(folder),
        )


def _clear(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
