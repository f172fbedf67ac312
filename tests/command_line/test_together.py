"""A command in several processes that train one network together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import anndata
import numpy as np
import psutil
import pytest

from napari_spatialrecon.training import team

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks and kills processes")
CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
several = pytest.mark.skipif(CORES < 2, reason="needs two cores")


def start(words, **more):
    command = [sys.executable, "-m", "napari_spatialrecon", *map(str, words)]
    own = {"OMP_NUM_THREADS": "1", **{k: str(v) for k, v in more.items()}}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, **own}, **pipes)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def few(placing):
    """Return the words that place cells by a network of few steps on the processor."""

    def words(out, *more):
        set_ = ["--set", "training.steps=40", "--set", "members=1", "--device", "cpu"]
        return placing(out, "gears", *set_, *more)

    return words


@several
def test_two_processes_train_one_network_and_one_writes(run, few, tmp_path):
    out, scratch = tmp_path / "out" / "placed.h5ad", tmp_path / "scratch"
    out.parent.mkdir()
    scratch.mkdir()
    made = start(few(out, "--devices", 2, "--json", "-"), TMPDIR=scratch)
    stdout, said = made.communicate(timeout=300)
    assert made.returncode == 0, said
    assert {path.name for path in out.parent.iterdir()} == {"placed.h5ad", "placed.run.json"}
    assert not list(scratch.glob("spatialrecon-*")) and said.count("cells placed:") == 1
    assert json.loads(stdout)["settings"]["devices"] == 2  # printed once
    assert run(*few(tmp_path / "alone.h5ad"))[0] == 0
    one, two = (anndata.read_h5ad(path) for path in (tmp_path / "alone.h5ad", out))
    assert not np.array_equal(one.obsm["spatial"], two.obsm["spatial"])
    again = start(few(tmp_path / "again.h5ad", "--devices", 2))
    assert again.wait(timeout=300) == 0
    twice = anndata.read_h5ad(tmp_path / "again.h5ad")
    np.testing.assert_array_equal(twice.obsm["spatial"], two.obsm["spatial"])


def training_steps(run):
    """Yield the steps of its first training that a run reports."""
    for line in run.stderr:
        if line.startswith("{") and "held-out" in (told := json.loads(line))["stage"]:
            yield told["step"]


@several
def test_a_run_that_two_began_is_stopped_and_resumed_by_one(few, tmp_path):
    words = few(tmp_path / "placed.h5ad", "--progress", "json")
    words[words.index("training.steps=40")] = "training.steps=100000"
    two = start([*words, "--devices", 2])
    last = next(step for step in training_steps(two) if step > 5)
    two.send_signal(signal.SIGINT)
    said = two.communicate(timeout=60)[1]
    assert two.returncode == 130 and said.count("Stopped by the user") == 1, said
    assert [path.name for path in tmp_path.iterdir()] == ["placed.resume"]
    one = start([*words, "--resume", tmp_path / "placed.resume"])
    assert next(step for step in training_steps(one) if step) >= last
    one.send_signal(signal.SIGINT)
    assert "Stopped by the user" in one.communicate(timeout=60)[1]


@several
def test_two_machines_find_each_other_by_address(few, tmp_path):
    found = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    out = tmp_path / "placed.h5ad"
    runs = [start(few(out, "--nodes", 2), NODE_RANK=rank, **found) for rank in (0, 1)]
    said = [run.communicate(timeout=300)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert "cells placed" in said[0] and "cells placed" not in said[1]
    assert {path.name for path in tmp_path.iterdir()} == {"placed.h5ad", "placed.run.json"}


@several
def test_a_first_process_that_is_killed_takes_the_others_along(few, tmp_path):
    words = few(tmp_path / "placed.h5ad", "--devices", 2)
    words[words.index("training.steps=40")] = "training.steps=100000"
    run = start(words)
    first = psutil.Process(run.pid)
    deadline = time.monotonic() + 120
    while not (others := first.children()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert others
    time.sleep(5.0)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    _, alive = psutil.wait_procs(others, timeout=20)
    assert not alive


def test_more_devices_than_there_are_are_refused(run, few, tmp_path, monkeypatch):
    monkeypatch.setattr(team, "_cores", lambda: 3)
    code, _, said = run(*few(tmp_path / "a.h5ad", "--devices", 4))
    assert code == 2 and "Expected at most 3 devices" in said and "Try --devices 3." in said
    code, _, said = run(*few(tmp_path / "a.h5ad", "--devices", 0))
    assert code == 2 and "Expected at least 1 device" in said
    code, _, said = run(*few(tmp_path / "a.h5ad", "--nodes", 0))
    assert code == 2 and "Try --nodes 1." in said
    assert not list(tmp_path.iterdir())


def test_what_processes_cannot_do_together_is_refused(run, placing, few, tmp_path, monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    out = tmp_path / "a.h5ad"
    code, _, said = run(*placing(out, "auto", "--devices", 2))
    assert code == 2 and "found auto" in said and "Try --method gears." in said
    code, _, said = run(*few(out, "--nodes", 2))
    assert code == 2 and "a way to 2 machines" in said and "torchrun" in said
    assert not list(tmp_path.iterdir())
