"""Runs that are killed at a random moment: what is left, and what the same command makes of it.

    PYTHONPATH=tests python -m faults.kills --count 300 --seed 0

A child is forked from a process that has imported everything, so that the moments are those of the
run. After each kill nothing but whole files lies at the outputs; then the command is given again
(with --resume where it left its state) and has to end with the bytes of an undisturbed run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import random
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
#: Files that state when they were made: they are there or not, but never twice the same.
_TIMED = ("run.json", ".run.json", "session.json", "summary.csv", ".log", ".html")
SMALL = (
    "members=1",
    "network.width=24",
    "network.layers=1",
    "training.steps=24",
    "training.checkpoint_every=4",
)


@dataclass(frozen=True)
class Command:
    """A command whose output is ``out`` in the folder that it is run in."""

    name: str
    run: Callable[[], int]
    resumed: Callable[[], int] | None = None


def commands(inputs: Path) -> list[Command]:
    """Return what is killed: place, train, reports, the saving of a session, and a batch."""
    from napari_spatialrecon.cli import main

    slides = ["--reference", str(inputs / "section1.h5ad")]
    small = [w for value in SMALL for w in ("--set", value)] + [
        "--set",
        "training.checkpoint_every=10",
    ]
    cells = ["--query", str(inputs / "cells.h5ad"), "--out", "out.h5ad"]
    place = ["place", "--method", "dpvae", *slides, *cells, *small]
    train = ["train", "--method", "dpvae", *slides, "--out", "out", *small]
    knn = ["place", "--method", "knn", *slides, *cells, "--save-model", "out.model"]
    placed = str(inputs / "placed.h5ad")
    batch = ["batch", str(inputs / "samples.csv"), "place", "--out", "out", "--workers", "2"]
    batch += ["--options", shlex.join(["--method", "dpvae", *slides, *small])]
    return [
        Command("place", lambda: main(place), lambda: main([*place, "--resume", "out.resume"])),
        Command("train", lambda: main(train), lambda: main([*train, "--resume", "out.resume"])),
        Command("save", lambda: main(knn)),
        Command("report", lambda: main(["report", placed, "--out", "out.html"])),
        Command("page", lambda: main(["report", placed, placed, "--out", "out.html"])),
        Command("session", lambda: session(inputs / "section1.h5ad")),
        Command("batch", lambda: main(batch)),
    ]


def session(file: Path) -> int:
    """Save a session with one slide, without a window."""
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_spatialrecon.tissue.read import read_adata
    from napari_spatialrecon.viewer.session.saving import write_session
    from napari_spatialrecon.viewer.session.snapshot import take
    from napari_spatialrecon.viewer.workspace.table_layers import table_layers

    viewer = ViewerModel()
    for layer in table_layers(read_adata(file), file):
        viewer.add_layer(Layer.create(*layer))
    write_session(take(viewer), "out")
    return 0


def imported() -> None:
    """Import what the commands do, and compute nothing: threads do not survive a fork."""
    for name in ("torch", "scanpy", "skimage", "sklearn.neighbors", "matplotlib.figure", "napari"):
        importlib.import_module(name)
    for name in ("tasks.placing", "report.page", "methods.dpvae.model", "viewer.session.saving"):
        importlib.import_module(f"napari_spatialrecon.{name}")


def inputs_in(folder: Path) -> int:
    """Write a small tissue, and a result on it; return the exit code of the command."""
    from napari_spatialrecon.cli import main
    from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
    from napari_spatialrecon.tissue.simulator.simulate import simulate

    simulate("cortex", SimulatorConfig.preset("tiny"), seed=0).write(folder)
    slide, cells = folder / "section1.h5ad", folder / "cells.h5ad"
    rows = ["sample,query,seed", f"one,{cells},0", f"two,{cells},1"]
    (folder / "samples.csv").write_text("\n".join(rows), encoding="utf-8")
    words = ["place", "--method", "knn", "--reference", slide, "--query", cells]
    return main([*map(str, words), "--out", str(folder / "placed.h5ad")])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with Path(os.devnull).open("w") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        yield


def child(run: Callable[[], int], folder: Path) -> int:
    """Fork a process that runs in a folder; return its number."""
    number = os.fork()
    if number:
        return number
    try:
        os.chdir(folder)
        for one in SIGNALS[1:]:
            signal.signal(one, signal.SIG_DFL)
        with _quiet():
            os._exit(run())
    finally:
        os._exit(70)


def ended(number: int, within: float = 240.0) -> int:
    """Wait for a child; return its exit code, or minus the signal that ended it."""
    stop = time.monotonic() + within
    while time.monotonic() < stop:
        found, status = os.waitpid(number, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    raise AssertionError("a run neither ended nor stopped")


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder; of those that state times, only that they are there."""
    return {
        str(p.relative_to(folder)): b"" if p.name.endswith(_TIMED) else p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@dataclass
class Tally:
    """What was tried, by command and signal, and what went wrong."""

    tried: Counter[str]
    misses: list[str]


def kill_at_random(
    which: Sequence[Command], folder: Path, count: int, seed: int, until: float = float("inf")
) -> Tally:
    """Kill each command in turn, `count` times in all; return what was found."""
    rng, tally = random.Random(seed), Tally(Counter(), [])
    known: dict[str, tuple[dict[str, bytes], float]] = {}
    for number in range(count):
        command = which[number % len(which)]
        if time.monotonic() > until:
            break
        if command.name not in known:
            whole = folder / f"{command.name}.whole"
            whole.mkdir()
            started = time.monotonic()
            assert ended(child(command.run, whole)) == 0, f"{command.name} fails undisturbed"
            known[command.name] = content(whole), time.monotonic() - started
            print(f"{command.name}: {known[command.name][1]:.1f} s undisturbed", flush=True)
        wanted, seconds = known[command.name]
        how, moment = rng.choice(SIGNALS), rng.uniform(0.0, seconds)
        here = folder / f"{command.name}.{number}"
        here.mkdir()
        running = child(command.run, here)
        time.sleep(moment)
        with contextlib.suppress(ProcessLookupError):
            os.kill(running, how)
        code = ended(running)
        said = f"{command.name} {how.name} at {moment:.2f} of {seconds:.2f} s (exit {code})"
        tally.tried[f"{command.name} {how.name}"] += 1
        tally.misses += [f"{said}: {why}" for why in _wrong(command, here, wanted)]
        shutil.rmtree(here)
    return tally


def _wrong(command: Command, here: Path, wanted: dict[str, bytes]) -> Iterator[str]:
    left = content(here)
    for name in {*left} & {*wanted}:
        if left[name] != wanted[name] and not name.startswith("."):
            yield f"{name} is not whole"
    state = here / "out.resume" / "asked.json"
    run = command.resumed if command.resumed is not None and state.is_file() else command.run
    if (code := ended(child(run, here))) != 0:
        yield f"given again, it ended with {code}"
        return
    after = content(here)
    if {*after} != {*wanted}:
        yield f"given again, it left {sorted({*after} ^ {*wanted})}"
    yield from (f"given again, {n} differs" for n in {*after} & {*wanted} if after[n] != wanted[n])


def main() -> int:
    """Kill runs for as long as asked, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="names of commands")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        inputs = Path(name) / "in"
        inputs.mkdir()
        imported()
        assert ended(child(lambda: inputs_in(inputs), inputs)) == 0
        which = [c for c in commands(inputs) if not options.only or c.name in options.only]
        until = time.monotonic() + options.seconds
        tally = kill_at_random(which, Path(name), options.count, options.seed, until)
    for what, n in sorted(tally.tried.items()):
        print(f"{what}: {n}")
    print(f"{tally.tried.total()} kills, {len(tally.misses)} misses")
    print("\n".join(tally.misses))
    return bool(tally.misses)


if __name__ == "__main__":
    sys.exit(main())
