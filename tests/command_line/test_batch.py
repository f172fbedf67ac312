"""A row is a command: checked before any runs, run with all others, told of in one table."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from napari_spatialrecon.batch import cluster, running, sample


@pytest.fixture
def table(tmp_path: Path) -> Any:
    def write(*lines: str) -> Path:
        path = tmp_path / "samples.csv"
        path.write_text("\n".join(lines))
        return path

    return write


@pytest.fixture
def asked(monkeypatch: Any) -> list[list[str]]:
    """The commands that would have been run."""
    words: list[list[str]] = []

    def note(command: list[str], out: str, log: str, stop: str) -> tuple[int, str, float]:
        words.append(list(command))
        record = {"task": "place", "method": "knn", "warnings": ["=odd"], "peak_memory_bytes": 2e9}
        Path(out).with_suffix(".run.json").write_text(json.dumps(record))
        return (2, "no such file", 1.0) if "gone" in out else (0, "", 1.0)

    monkeypatch.setattr(running, "run_sample", note)
    return words


def test_a_row_is_a_command(run: Any, table: Any, tmp_path: Path, asked: list[list[str]]) -> None:
    samples = table("sample,query,reference,labels", "A,a.h5ad,r.h5ad;/s/t.h5ad,", "B,b.h5ad,r,x")
    out = tmp_path / "out"
    options = ["--options", "--preset quick --set members=2", "--pictures", "--workers", "1"]
    code, _, err = run("batch", samples, "place", "--out", out, *options)
    assert code == 2 and "labels" in err and "query" in err, "place has no labels"
    assert not out.exists() and not asked
    samples = table("sample,query,reference", "A,a.h5ad,r.h5ad;/s/t.h5ad", "gone,b.h5ad,r")
    code, _, err = run("batch", samples, "place", "--out", out, *options)
    common = ["--preset", "quick", "--set", "members=2", "--threads", "1"]
    assert asked[0] == [
        *("place", "--query", str(tmp_path / "a.h5ad"), "--reference", str(tmp_path / "r.h5ad")),
        *("--reference", "/s/t.h5ad", *common, "--out", str(out / "A.h5ad"), "--progress", "none"),
        *("--picture", str(out / "A.png")),
    ]
    rows = list(csv.DictReader(io.StringIO((out / "summary.csv").read_text())))
    assert [(r["sample"], r["status"], r["reason"]) for r in rows] == [
        ("A", "done", ""),
        ("gone", "failed", "no such file"),
    ]
    assert rows[0]["warnings"] == "'=odd" and rows[0]["peak_GB"] == "2.0"
    assert code == 2 and "1 of 2" in err


def test_every_row_that_makes_no_command_is_named(
    run: Any, table: Any, tmp_path: Path, asked: list[list[str]]
) -> None:
    samples = table(
        "sample,query,seed,bend,landmarks", "A,a,no,yes,l", "B,b,1,perhaps,l", "C,,1,,", "D,d,1,,l"
    )
    code, _, err = run(
        *("batch", samples, "impute-locations", "--out", tmp_path / "out"),
        *("--options", "--method dpvae"),
    )
    assert code == 2 and not asked
    for said in ("line 2 (A)", "'no'", "line 3 (B)", "yes or no", "line 4 (C)", "--query"):
        assert said in err
    assert "(D)" not in err


@pytest.mark.parametrize("options", ["--out x", "--json=y", "--resume z", "--set 'a"])
def test_options_that_the_batch_gives_are_refused(
    run: Any, table: Any, tmp_path: Path, options: str
) -> None:
    samples = table("sample,query,reference", "A,a,r")
    code, _, err = run("batch", samples, "place", "--out", tmp_path / "out", f"--options={options}")
    assert code == 2 and "Expected options" in err and not (tmp_path / "out").exists()


def test_nothing_is_written_where_no_scheduler_answers(
    run: Any, table: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.2)
    samples = table("sample,query,reference", "A,a,r")
    words = ("batch", samples, "place", "--out", tmp_path / "out")
    code, _, err = run(*words, "--cluster", "tcp://127.0.0.1:9")
    assert code == 2 and "scheduler" in err and not (tmp_path / "out").exists()


def test_samples_are_placed(run: Any, inputs: Path, table: Any, tmp_path: Path) -> None:
    one, two, cells = (inputs / f"{name}.h5ad" for name in ("section1", "section2", "cells"))
    samples = table(
        "sample,query,reference", f"A,{cells},{one};{two}", f"B,{tmp_path}/no.h5ad,{one}"
    )
    out = tmp_path / "out"
    words = ["batch", samples, "place", "--out", out, "--options", "--method knn"]
    code, _, err = run(*words, "--report")
    assert code == 2 and "no.h5ad" in err
    rows = list(csv.DictReader(io.StringIO((out / "summary.csv").read_text())))
    assert rows[0]["verdict"].startswith("Median error") and float(rows[0]["expected_error_um"]) > 0
    assert "found nothing there" in rows[1]["reason"] and rows[1]["verdict"] == ""
    assert (out / "A.h5ad").exists() and not (out / "B.h5ad").exists()
    assert "A" in (out / "report.html").read_text()
    assert not list(out.glob(".stop*"))


def test_a_command_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    code = (
        "import time; from napari_spatialrecon.command_line import terminal;"
        "terminal._GRACE_S = 0.1; stop = terminal.stop_on_interrupt();"
        "print('begun', flush=True); stop.wait(60); print('stopped', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, sample.WATCHED: "1"},
    )
    assert child.stdout.readline().strip() == b"begun"
    child.stdin.close()
    assert child.stdout.readline().strip() == b"stopped"
    assert child.wait(30) == sample.STOPPED
