"""The command line, run in this process, and small inputs for it."""

from __future__ import annotations

import hashlib
import os
import signal
import threading

import pytest

from napari_spatialrecon import cli
from napari_spatialrecon.cli import main


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    """Leave the signal handlers and the numbers of threads as they were."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def run(capsys):
    """Run the command line; return exit code, stdout and stderr."""

    def run(*words):
        code = main([str(w) for w in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def inputs(tiny_folder):
    """The inputs; after the test they are the bytes they were."""

    def hashes():
        return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in tiny_folder.iterdir()}

    before = hashes()
    yield tiny_folder
    assert hashes() == before


@pytest.fixture
def references(inputs):
    return ["--reference", inputs / "section1.h5ad", "--reference", inputs / "section2.h5ad"]


@pytest.fixture
def placing(inputs, references):
    """Return the words that place the cells."""

    def words(out, method="knn", *more):
        query = ["--query", inputs / "cells.h5ad", "--out", out]
        return ["place", "--method", method, *references, *query, *more]

    return words


@pytest.fixture
def small():
    """Settings with which dp-VAE trains in a second."""
    values = ["members=2", "network.width=48", "network.layers=2", "training.steps=30"]
    return [*(word for value in values for word in ("--set", value)), "--device", "cpu"]


@pytest.fixture
def stop_after():
    """Ask to stop at the given question whether to."""

    def stop_after(calls, patch):
        event, counter = threading.Event(), iter(range(10**9))
        event.is_set = lambda: next(counter) >= calls
        patch.setattr(cli, "stop_on_interrupt", lambda: event)

    return stop_after
