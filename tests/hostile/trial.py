"""Opening a hostile input as the program would, and what may come of it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hostile.generator import Hostile, Whole, every
from napari_spatialrecon.errors import InputError, SpatialReconError, ValidationError

#: Seconds and bytes that an input may take beyond its size.
SECONDS, MEMORY = 10, 1 << 30


def _table(path: Path) -> None:
    from napari_spatialrecon.tissue import contract
    from napari_spatialrecon.tissue.images import histology
    from napari_spatialrecon.tissue.read import read_adata

    adata = read_adata(path)
    with contextlib.suppress(SpatialReconError):
        histology(adata, path.parent)
    contract.prepare_slide(adata, path.name)


def _image(path: Path) -> None:
    from napari_spatialrecon.tissue.lazy_image import open_image

    open_image(path)[-1][:8, :8]


def _landmarks(path: Path) -> None:
    from napari_spatialrecon.tissue.landmarks import read_landmarks

    read_landmarks(path, [f"spot{i}" for i in range(40)])


def _pairs(path: Path) -> None:
    from napari_spatialrecon.tissue.landmark_pairs import read_pairs

    read_pairs(path)


def _regions(path: Path) -> None:
    import numpy as np
    from anndata import AnnData

    from napari_spatialrecon.tissue.alignments.qupath import add_regions

    add_regions(AnnData(np.ones((3, 2)), obsm={"spatial": np.zeros((3, 2))}), path, column="region")


def _model(path: Path) -> None:
    from napari_spatialrecon.tasks.model import load

    load(path)


def _session(path: Path) -> None:
    from napari_spatialrecon.viewer.session.reading import read_session

    read_session(path)


def _record(path: Path) -> None:
    from napari_spatialrecon.cli import main

    with contextlib.redirect_stderr(io.StringIO()) as told:
        code = main(["repeat", str(path)])
    assert code == 2 and "Try" in told.getvalue(), told.getvalue()


def _batch(path: Path) -> None:
    from napari_spatialrecon.batch import running
    from napari_spatialrecon.cli import main

    def none(jobs: list[running.Job], folder: Path, *_: Any, **__: Any) -> None:
        assert all(job.out.parent == folder for job in jobs), "it would write elsewhere"
        raise InputError("Expected nothing to be run.", remedy="Try nothing.")

    run, running.run_batch = running.run_batch, none
    try:
        with contextlib.redirect_stderr(io.StringIO()) as told:
            code = main(["batch", str(path), "place", "--out", str(path.parent / "out")])
    finally:
        running.run_batch = run
    assert code == 2 and "Try" in told.getvalue(), told.getvalue()


def _alignment(path: Path) -> None:
    import numpy as np
    from anndata import AnnData

    from napari_spatialrecon.tasks.alignment_files import align_by_file

    xy = np.random.default_rng(0).uniform(0, 900, (40, 2))
    align_by_file(AnnData(np.ones((40, 2)), obsm={"spatial": xy}), path)


READERS: dict[str, Callable[[Path], None]] = {
    "table": _table,
    "image": _image,
    "landmarks": _landmarks,
    "pairs": _pairs,
    "regions": _regions,
    "model": _model,
    "session": _session,
    "record": _record,
    "batch": _batch,
    "alignment": _alignment,
}


def imported() -> None:
    """Import what readers do, which may take longer than an input."""
    for name in ("cli", "training.loop", "batch.running", "tissue.read", "tissue.lazy_image"):
        importlib.import_module(f"napari_spatialrecon.{name}")
    for name in ("scanpy", "zarr", "pandas", "tifffile", "spatialdata"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def outcome(hostile: Hostile, folder: Path) -> str:
    """Open an input; return what is wrong with how that ended, or nothing."""
    imported()
    path = hostile.make(folder)
    before = _names(folder)
    started, peak = time.monotonic(), _peak()
    try:
        with warnings.catch_warnings(), _alarm(SECONDS):
            warnings.simplefilter("ignore")
            READERS[hostile.reader](path)
        said = ""
    except SpatialReconError as error:
        said = _unhelpful(error)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        said = f"{type(error).__name__}: {str(error)[:150]} at {_where(error)}"
    if not said and (now := _names(folder)) != before:
        said = f"left {sorted(now - before)}"
    seconds, more = time.monotonic() - started, _peak() - peak
    if not said and seconds > SECONDS:
        said = f"took {seconds:.0f} s"
    if not said and more > MEMORY:
        said = f"took {more / 2**30:.1f} GiB"
    return said


def apart(inputs: Sequence[Hostile], folder: Path) -> Iterator[tuple[Hostile, str]]:
    """Open inputs in a process of its own, and in another where a library ended that one."""
    at = 0
    while at < len(inputs):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _open_from(inputs, at, folder, writing)
        os.close(writing)
        try:
            with os.fdopen(reading, encoding="utf-8") as answers:
                for said in answers:
                    yield inputs[at], json.loads(said)
                    at += 1
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if at < len(inputs):
            how = signal.Signals(-code).name if code < 0 else str(code)
            yield inputs[at], f"ended Python: {how}"
            at += 1


def _open_from(inputs: Sequence[Hostile], at: int, folder: Path, writing: int) -> NoReturn:
    """Open the inputs from one on, write what was wrong with each, and end."""
    try:
        for number in range(at, len(inputs)):
            here = folder / str(number)
            here.mkdir()
            said = outcome(inputs[number], here)
            os.write(writing, json.dumps(said[:500]).encode() + b"\n")
            shutil.rmtree(here, ignore_errors=True)
    finally:
        os._exit(0)


def _unhelpful(error: SpatialReconError) -> str:
    problems = error.problems if isinstance(error, ValidationError) else (error.problem,)
    lacking = [p.message for p in problems if not p.remedy]
    return f"no remedy: {lacking[0][:150]}" if lacking else ""


def _where(error: BaseException) -> str:
    trace, found = error.__traceback__, ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "napari_spatialrecon" in name:
            found = f"{name.rpartition('napari_spatialrecon/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextlib.contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """Try every input, for more seeds as long as there is time; print what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of a name")
    options = parser.parse_args()
    imported()  # once for all processes
    logging.disable()  # tifffile warns of each damage
    until, seed = time.monotonic() + options.seconds, options.seed
    tried, wrong = Counter[str](), dict[str, str]()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "whole").mkdir()
        whole = Whole(Path(name) / "whole")
        before = -1
        while time.monotonic() < until and tried.total() > before:
            before = tried.total()
            inputs = [
                one
                for one in every(whole, seed)
                if options.only in str(one)
                # all but the flipped bytes are the same for each seed
                and (seed == options.seed or "flipped" in str(one))
            ]
            here = Path(name) / str(seed)
            here.mkdir()
            for hostile, said in apart(inputs, here):
                if said:
                    wrong[f"{seed} {hostile}"] = said
                    print(f"seed {seed}, {str(hostile)[:110]}: {said}", flush=True)
                tried[hostile.reader] += 1
                if time.monotonic() > until:
                    break
            seed += 1
    print(", ".join(f"{n} of {what}" for what, n in sorted(tried.items())))
    print(f"{tried.total()} inputs, {len(wrong)} misses")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
