"""Samples run side by side; one that fails, or whose worker dies, leaves the others running."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napari_spatialrecon.batch import cluster, running, sample
from napari_spatialrecon.batch.running import Job, Outcome, on_this_machine, run_batch
from napari_spatialrecon.claims import claimed, wait_until_free
from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.progress import Reporter


def job(folder: Path, name: str) -> Job:
    return Job(name, ("place", "--query", f"{name}.h5ad"), folder / f"{name}.h5ad")


def write(words: list[str], out: str, log: str, stop: str) -> tuple[int, str, float]:
    """Stand for the run of a sample: write a result, and a record with its command."""
    if "bad.h5ad" in words:
        return 2, "it is bad", 0.1
    Path(out).write_text(" ".join(words))
    command = shlex.join(["spatialrecon", *words])
    record = {"task": "place", "settings": {"command": command}, "metrics": {"error_um": 1.5}}
    Path(out).with_suffix(".run.json").write_text(json.dumps(record))
    return 0, "", 0.1


def die_once(words: list[str], out: str, log: str, stop: str) -> tuple[int, str, float]:
    """Kill the worker of this sample, the first time."""
    mark = Path(out).with_suffix(".died")
    if "dies.h5ad" in words and not mark.exists():
        mark.touch()
        os._exit(9)
    return write(words, out, log, stop)


@pytest.fixture
def batch(tmp_path: Path) -> Callable[..., list[Outcome]]:
    def run(names: str, opening: Any = None, **more: Any) -> list[Outcome]:
        jobs = [job(tmp_path, name) for name in names.split()]
        reporter = Reporter(None, more.pop("should_stop", None))
        opening = opening or partial(on_this_machine, 2)
        return run_batch(jobs, tmp_path, opening, reporter, lambda outcome: None, **more)

    return run


def told(outcomes: list[Outcome]) -> list[tuple[str, str, str]]:
    return [(one.job.name, one.status, one.reason) for one in outcomes]


def test_a_sample_that_fails_leaves_the_others(batch: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(running, "run_sample", write)
    found = batch("a bad c")
    assert told(found) == [("a", "done", ""), ("bad", "failed", "it is bad"), ("c", "done", "")]
    assert found[0].record["metrics"] == {"error_um": 1.5}


def test_what_is_done_by_the_same_command_is_kept(
    batch: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(running, "run_sample", write)
    batch("a b c")
    (tmp_path / "c.h5ad").unlink()
    record = tmp_path / "b.run.json"
    record.write_text(record.read_text().replace("b.h5ad", "other.h5ad"))
    assert [one.status for one in batch("a b c")] == ["kept", "done", "done"]
    assert [one.status for one in batch("a b c", again=True)] == ["done"] * 3


def test_the_state_of_a_stopped_run_is_resumed(
    batch: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(running, "run_sample", write)
    (tmp_path / "a.resume").mkdir()
    batch("a")
    assert (tmp_path / "a.h5ad").read_text().endswith(f"--resume {tmp_path / 'a.resume'}")
    assert [one.status for one in batch("a")] == ["kept"], "by the command without --resume"


def test_a_batch_is_stopped_with_all_that_runs(
    batch: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    seen = []

    def until_stopped(words: Any, out: str, log: str, stop: str) -> tuple[int, str, float]:
        while not Path(stop).exists():
            time.sleep(0.01)
        seen.append(Path(out).stem)
        return 130, "stopped", 0.0

    monkeypatch.setattr(running, "run_sample", until_stopped)
    with pytest.raises(Stopped):
        batch("a b c", should_stop=lambda: True)
    assert set(seen) <= {"a", "b"}, "what was not begun does not begin"
    assert not list(tmp_path.glob(".stop*"))


def test_a_worker_that_dies_is_survived_and_the_rest_is_as_without_dask(
    batch: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    pytest.importorskip("distributed")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(running, "run_sample", die_once)
    found = batch("a dies bad", partial(cluster.on_cluster, "local", 2))
    assert told(found) == [("a", "done", ""), ("dies", "done", ""), ("bad", "failed", "it is bad")]
    assert (tmp_path / "dies.died").exists()


def test_a_scheduler_that_does_not_answer_is_said(monkeypatch: Any) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.2)
    with (
        pytest.raises(InputError, match=r"scheduler at tcp://.*, found none that answers"),
        cluster.on_cluster("tcp://127.0.0.1:9", 1),
    ):
        pass


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ({"tcp://w1": "0.0.1", "tcp://w2": "0.9"}, "found tcp://w1: 0.0.1"),
        ({"tcp://w1": ImportError()}, "found tcp://w1: not installed"),
        ({}, "a scheduler without any"),
    ],
)
def test_workers_of_another_version_are_refused(
    workers: dict[str, Any], said: str, monkeypatch: Any
) -> None:
    class Client:
        def run(self, ask: Any, on_error: str) -> dict[str, Any]:
            return workers

    monkeypatch.setattr(cluster, "version", lambda name: "0.9")
    with pytest.raises(InputError, match=said):
        cluster._check_versions(Client(), "tcp://here")


def test_slurm_is_asked_for_as_many_jobs_as_workers(monkeypatch: Any) -> None:
    jobqueue = pytest.importorskip("dask_jobqueue")
    asked = []

    class Cluster:
        def scale(self, jobs: int) -> None:
            asked.append(jobs)

    monkeypatch.setattr(jobqueue, "SLURMCluster", Cluster)
    assert isinstance(cluster._cluster("slurm", 7), Cluster) and asked == [7]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: Any) -> Callable[[str], list[str]]:
    """Let a script stand for the command line."""
    (tmp_path / "napari_spatialrecon").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    script = tmp_path / "napari_spatialrecon" / "__main__.py"
    (tmp_path / "napari_spatialrecon" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)

    def of(text: str) -> list[str]:
        script.write_text(text)
        return ["place"]

    return of


def run(words: list[str], folder: Path) -> tuple[int, str, float]:
    names = (str(folder / name) for name in ("a.h5ad", "logs/a.log", "stop"))
    return sample.run_sample(words, *names)


def test_a_run_that_fails_says_why(command: Any, tmp_path: Path) -> None:
    words = command("import sys; sys.stderr.write('note\\nspatialrecon: No.\\nTry it.'); exit(2)")
    assert run(words, tmp_path)[:2] == (2, "No. Try it.")
    assert (tmp_path / "logs/a.log").read_text().startswith("note")
    words = command("import os; os.kill(os.getpid(), 9)")
    assert "ran out of memory" in run(words, tmp_path)[1]
    assert run(command("exit(0)"), tmp_path)[:2] == (0, "")


def test_a_run_hears_that_it_is_stopped(command: Any, tmp_path: Path) -> None:
    words = command(
        "import os, sys; open('begun', 'w').close(); sys.stdin.read(); open('heard', 'w').close();"
        f"exit(130 if os.environ['{sample.WATCHED}'] else 1)"
    )

    def stop() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        (tmp_path / "stop").touch()

    threading.Thread(target=stop).start()
    assert run(words, tmp_path)[:2] == (130, "stopped")
    assert (tmp_path / "heard").exists()


def test_an_output_that_is_held_is_waited_for(tmp_path: Path) -> None:
    out = tmp_path / "a.h5ad"
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with claimed([out]):
            held.set()
            leave.wait(20)

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait(20)
    waiting = threading.Thread(target=wait_until_free, args=(out, 20))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    leave.set()
    waiting.join(20)
    holding.join(20)
    assert not waiting.is_alive()
