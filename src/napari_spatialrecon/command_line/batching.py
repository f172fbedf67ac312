"""batch: a task for every sample of a table, side by side."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.command_line import genes, mixtures, placing, super_resolution
from napari_spatialrecon.command_line.options import add_verb
from napari_spatialrecon.command_line.outputs import INPUTS
from napari_spatialrecon.command_line.running import summarise
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.errors import InputError, SpatialReconError

if TYPE_CHECKING:
    from napari_spatialrecon.batch.running import Job, Opening, Outcome
    from napari_spatialrecon.batch.samples import Sample

_MODULES = (placing, mixtures, genes, super_resolution)
#: Tasks that write a table for each sample.
TASKS = ("place", "impute-locations", "deconvolve", "impute-genes", "super-resolve")
#: Options that the batch itself gives each sample.
_OWN = frozenset({"out", "add", "json", "progress", "resume", "save_model", "picture", "help"})
_YES, _NO = ("yes", "true", "1", "x"), ("no", "false", "0")
#: Paths of one cell are separated so.
_SEVERAL = ";"


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs, "batch", "run a task for every sample of a table, on one machine or many", run_batch
    )
    verb.add_argument("table", metavar="SAMPLES.csv", help="a column 'sample', others: options")
    verb.add_argument("task", choices=TASKS, metavar="TASK", help=", ".join(TASKS))
    verb.add_argument("--out", metavar="FOLDER", required=True, help="of results and summary.csv")
    verb.add_argument(
        "--options",
        metavar="TEXT",
        default="",
        help="options of the task for every sample, in quotation marks",
    )
    verb.add_argument("--format", choices=("h5ad", "zarr"), default="h5ad", help="of the results")
    verb.add_argument("--pictures", action="store_true", help="draw each result, where it can be")
    verb.add_argument(
        "--workers", type=int, metavar="N", help="samples at a time (default: cores - 1)"
    )
    verb.add_argument(
        "--cluster",
        metavar="WHERE",
        help="Dask: local, slurm, or the address of a scheduler (by default without Dask)",
    )
    verb.add_argument("--again", action="store_true", help="run what is done again")
    verb.add_argument("--report", action="store_true", help="write report.html about all results")
    verb.add_argument("--json", metavar="FILE", help="write the summary; - for stdout")
    verb.add_argument("--progress", choices=("auto", "bar", "json", "none"), default="auto")


def run_batch(options: argparse.Namespace, stop: threading.Event) -> None:
    """Check every row, run the samples, and write a summary of all."""
    from napari_spatialrecon.batch import running
    from napari_spatialrecon.batch.samples import read_samples
    from napari_spatialrecon.batch.summary import rows_of, write_summary
    from napari_spatialrecon.progress import Reporter

    folder = Path(options.out).absolute()
    workers = _workers(options)
    samples = read_samples(options.table)
    jobs = _jobs(samples, folder, options)
    opening = _opening(options.cluster, workers)
    ended: dict[str, Outcome] = {}

    def tell(outcome: Outcome) -> None:
        ended[outcome.job.name] = outcome
        print(_said(outcome), file=sys.stderr, flush=True)

    def conclude() -> Path:
        for job in jobs:
            ended.setdefault(job.name, running.Outcome(job, running.NOT_RUN, "not begun"))
        rows = rows_of([ended[job.name] for job in jobs])
        path = write_summary(rows, folder)
        print(f"summary: {path}", file=sys.stderr)
        summarise(rows, options)
        return path

    try:
        with Bar(options.progress) as bar:
            reporter = Reporter(bar.show, stop.is_set)
            running.run_batch(jobs, folder, opening, reporter, tell, again=options.again)
    except InputError:  # nothing has begun, and nothing is written
        raise
    except BaseException:
        conclude()
        raise
    path = conclude()
    done = [job for job in jobs if ended[job.name].status in (running.FINISHED, running.KEPT)]
    if options.report and done:
        _report([str(job.out) for job in done], folder, stop)
    if len(done) < len(jobs):
        raise SpatialReconError(
            f"Expected all samples to be done, found {len(jobs) - len(done)} of {len(jobs)} that "
            f"failed; {path} says why. The same command runs only those again."
        )


def _workers(options: argparse.Namespace) -> int:
    if options.workers is not None and options.workers < 1:
        raise InputError(
            f"Expected at least 1 sample at a time, found {options.workers}.",
            remedy="Try --workers 1.",
        )
    return options.workers or max(1, (os.cpu_count() or 2) - 1)


def _opening(where: str | None, workers: int) -> Callable[[], Opening]:
    from napari_spatialrecon.batch.cluster import on_cluster
    from napari_spatialrecon.batch.running import on_this_machine

    return (
        partial(on_this_machine, workers) if where is None else partial(on_cluster, where, workers)
    )


def _jobs(samples: list[Sample], folder: Path, options: argparse.Namespace) -> list[Job]:
    """Return the command of each sample, each of which its task accepts.

    Raises
    ------
    InputError
        Names every row whose options do not fit.
    """
    from napari_spatialrecon.batch.running import Job

    task = _task(options.task)
    home = Path(options.table).absolute().parent
    known = {name: action for action in task._actions for name in _names(action)}
    problems, jobs = [], []
    columns = sorted({name for sample in samples for name in sample.options})
    if unknown := [name for name in columns if _key(name) not in known]:
        allowed = ", ".join(name.replace("_", "-") for name in known)
        raise InputError(
            f"Expected columns that are options of {options.task}, found {', '.join(unknown)}.",
            remedy=f"Try some of: {allowed}.",
            where=options.table,
        )
    common = _common(options, task)
    for sample in samples:
        out = folder / f"{sample.name}.{options.format}"
        words = [options.task]
        try:
            for name, value in sample.options.items():
                words += _words(known[_key(name)], value, home)
        except InputError as error:
            problems.append(f"line {sample.line} ({sample.name}): {error.problem.message}")
            continue
        words += [*common, "--out", str(out), "--progress", "none"]
        if options.pictures and any(action.dest == "picture" for action in task._actions):
            words += ["--picture", str(out.with_suffix(".png"))]
        if problem := _refused(task, words[1:]):
            problems.append(f"line {sample.line} ({sample.name}): {problem}")
        jobs.append(Job(sample.name, tuple(words), out))
    if problems:
        raise InputError(
            f"Expected rows that make commands of {options.task}, found: {'; '.join(problems)}.",
            remedy=f"Try 'spatialrecon {options.task} --help' for its options.",
            where=options.table,
        )
    return jobs


def _task(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spatialrecon")
    verbs = parser.add_subparsers()
    for module in _MODULES:
        module.add(verbs)
    found: argparse.ArgumentParser = verbs.choices[name]
    return found


def _names(action: argparse.Action) -> Iterator[str]:
    if action.option_strings and action.dest not in _OWN:
        yield action.dest


def _key(column: str) -> str:
    return column.strip().lstrip("-").replace("-", "_")


def _words(action: argparse.Action, value: str, home: Path) -> list[str]:
    """Return the words of an option; a path is taken from the folder of the table."""
    flag = action.option_strings[0]
    if action.nargs == 0:
        if value.lower() not in (*_YES, *_NO):
            raise InputError(f"Expected yes or no for {flag}, found {value!r}.")
        return [flag] if value.lower() in _YES else []
    several = isinstance(action.default, list)
    values = [one.strip() for one in value.split(_SEVERAL)] if several else [value]
    if action.dest in INPUTS:
        values = [str(home / one) for one in values if one]
    return [word for one in values if one for word in (flag, one)]


def _common(options: argparse.Namespace, task: argparse.ArgumentParser) -> list[str]:
    """Return the words for every sample; each runs on one thread unless they say otherwise."""
    try:
        words = shlex.split(options.options)
    except ValueError as error:
        raise InputError(
            f"Expected options in quotation marks, found {options.options!r}: {error}.",
            remedy='Try --options "--preset quick --seed 1".',
        ) from error
    flags = {flag: action for action in task._actions for flag in action.option_strings}
    given = [word.partition("=")[0] for word in words if word.startswith("--")]
    own = [word for word in given if word in flags and flags[word].dest in _OWN]
    if own:
        raise InputError(
            f"Expected options of {options.task} for every sample, found {', '.join(own)}.",
            remedy="Try without: the batch names the results by their samples.",
        )
    paths = {flag for flag, action in flags.items() if action.dest in INPUTS}
    absolute = [
        str(Path(word).absolute()) if before in paths else word
        for before, word in zip(["", *words], words, strict=False)
    ]
    return absolute if "--threads" in given else [*absolute, "--threads", "1"]


def _refused(task: argparse.ArgumentParser, words: list[str]) -> str:
    """Return why the task does not accept these words; nothing if it does."""
    said = StringIO()
    try:
        with redirect_stderr(said):
            task.parse_args(words)
    except SpatialReconError as error:
        return str(error)
    except SystemExit:
        return said.getvalue().strip().rpartition("error: ")[2]
    return ""


def _said(outcome: Outcome) -> str:
    if outcome.reason:
        return f"{outcome.job.name}: {outcome.status}: {outcome.reason}"
    warned = len(outcome.record.get("warnings") or ())
    more = f", {warned} warning{'s' * (warned > 1)}" if warned else ""
    spent = f", {outcome.seconds:.0f} s" if outcome.seconds else ""
    return f"{outcome.job.name}: {outcome.status}{spent}{more}"


def _report(results: list[str], folder: Path, stop: threading.Event) -> None:
    from napari_spatialrecon.report.page import report

    path = report(results, folder / "report.html", should_stop=stop.is_set)
    print(f"report: {path}", file=sys.stderr)
