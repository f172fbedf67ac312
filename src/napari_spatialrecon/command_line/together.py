"""A command in several processes, which train together and of which the first writes."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from napari_spatialrecon.errors import InputError, SpatialReconError

_LOOK_S = 0.5


def asked_of_several(options: argparse.Namespace) -> bool:
    """Return whether a command is to train in several processes."""
    return any(getattr(options, name, None) is not None for name in ("devices", "nodes"))


@contextmanager
def together(options: argparse.Namespace) -> Iterator[bool]:
    """Start or join the processes that ``--devices`` and ``--nodes`` ask for.

    Yields whether this process writes the outputs. The others do all the same beside it, say
    nothing, write to a folder that is removed, and end with the first.

    Raises
    ------
    InputError
        As `training.team.join`; or the method chooses others by the clock, which would differ
        between the processes.
    """
    if not asked_of_several(options):
        yield True
        return
    _refuse_choosing(options)
    from napari_spatialrecon.training.team import join, leave

    devices, nodes = (1 if n is None else n for n in (options.devices, options.nodes))
    fabric = join(devices, nodes, options.device)
    if fabric.is_global_zero:
        try:
            yield True
        finally:
            leave()
        return
    folder = Path(tempfile.mkdtemp(prefix="spatialrecon-"))
    threading.Thread(target=_end_with_starter, args=(folder,), daemon=True).start()
    said = io.StringIO()
    try:
        _write_to(folder, options)
        with redirect_stdout(io.StringIO()), redirect_stderr(said):
            yield False
    except SpatialReconError:  # which the first process meets too, and says
        sys.exit(0)  # with another code Fabric would kill it while it keeps its state
    except Exception:
        print(f"process {fabric.global_rank}: {said.getvalue()}", file=sys.stderr)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_choosing(options: argparse.Namespace) -> None:
    from napari_spatialrecon.methods.registry import methods_for

    task = options.verb
    known = {info.name: info for info in methods_for("place" if task == "train" else task)}
    chosen = known.get(options.method)
    if chosen is not None and chosen.selects:
        trained = next(info.name for info in known.values() if not info.selects)
        raise InputError(
            f"Expected one method for several processes, found {chosen.name}, which chooses by "
            "the time that each takes.",
            remedy=f"Try --method {trained}.",
        )


def _write_to(folder: Path, options: argparse.Namespace) -> None:
    """Have outputs written to a folder, and ask and show nothing."""
    for name in (*options.files, *options.folders):
        if value := getattr(options, name, None):
            setattr(options, name, str(folder / (Path(value).name if value != "-" else name)))
    options.add, options.over_memory, options.progress = False, True, "none"


def _end_with_starter(folder: Path) -> None:
    starter = os.getppid()
    while os.getppid() == starter:
        time.sleep(_LOOK_S)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
