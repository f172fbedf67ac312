"""Stopping a run and going on with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import anndata
import pytest

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.methods.dpvae.model import DPVAE


def names(folder):
    return {p.name for p in folder.iterdir()}


@pytest.mark.parametrize("calls", [12, 20, 50, 75])
def test_a_stopped_run_keeps_its_checkpoint_and_ends_like_a_straight_one(
    run, inputs, tmp_path, calls, placing, small, stop_after
):
    straight, out = tmp_path / "straight.h5ad", tmp_path / "placed.h5ad"
    assert run(*placing(straight, "dpvae", *small))[0] == 0
    with pytest.MonkeyPatch.context() as patch:
        stop_after(calls, patch)
        code, _, messages = run(*placing(out, "dpvae", *small))
    assert code == 130
    folder = tmp_path / "placed.resume"
    assert f"Resume from {folder}" in messages
    assert names(tmp_path) == {"straight.h5ad", "straight.run.json", "placed.resume"}
    code, _, _ = run(*placing(out, "dpvae", *small, "--resume", folder))
    assert code == 0
    assert not folder.exists()
    first, second = (anndata.read_h5ad(p).obsm["spatial"] for p in (straight, out))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("calls", [0, 2])
def test_a_run_stopped_before_training_leaves_nothing(
    run, inputs, tmp_path, monkeypatch, placing, stop_after, calls
):
    stop_after(calls, monkeypatch)
    code, _, messages = run(*placing(tmp_path / "a.h5ad"))
    assert code == 130
    assert "Stopped by the user" in messages and "Resume" not in messages
    assert names(tmp_path) == set()


def test_a_run_is_resumed_only_with_its_own_settings(
    run, inputs, tmp_path, placing, small, stop_after
):
    out = tmp_path / "placed.h5ad"
    with pytest.MonkeyPatch.context() as patch:
        stop_after(20, patch)
        run(*placing(out, "dpvae", *small))
    folder = tmp_path / "placed.resume"
    code, _, messages = run(*placing(out, "dpvae", *small, "--set", "alpha=2", "--resume", folder))
    assert code == 2
    assert "found another config" in messages
    assert names(tmp_path) == {"placed.resume"}


def test_ctrl_c_stops_a_run_of_minutes_that_can_then_be_resumed(inputs, tmp_path, placing):
    """A run of minutes in a process of its own, interrupted while it trains."""
    out = tmp_path / "placed.h5ad"
    words = [*placing(out, "dpvae"), "--set", "training.steps=100000"]
    words += ["--device", "cpu", "--progress", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_spatialrecon", *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        for line in process.stderr:
            if '"Validating' in line and json.loads(line)["step"] > 10:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.stderr.close()
    assert "Traceback" not in rest
    assert f"Resume from {tmp_path / 'placed.resume'}" in rest
    assert names(tmp_path) == {"placed.resume"}
    assert (tmp_path / "placed.resume" / "validation" / "manifest.json").is_file()


def test_a_run_that_stops_outside_training_names_its_checkpoint(
    run, inputs, tmp_path, monkeypatch, placing, small
):
    """The networks are trained when the solve is interrupted: that work is kept."""

    def interrupted(self, *args, **kwargs):
        raise Stopped

    monkeypatch.setattr(DPVAE, "place", interrupted)
    code, _, messages = run(*placing(tmp_path / "a.h5ad", "dpvae", *small))
    assert code == 130
    assert f"Resume from {tmp_path / 'a.resume'}" in messages
