"""Remedies of a batch of samples; the samples themselves are not run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_spatialrecon.batch import cluster
from napari_spatialrecon.command_line.face import CommandLine
from remedies.cases import Step, command, options, remedy

FACE = CommandLine()
SAMPLES, COMMAND = "batch/samples.py", "command_line/batching.py"


def told(file: str, *texts: str) -> Any:
    return remedy(file, *texts, face=FACE)


GOOD = "sample,query,reference\nA,a,r\nB,b,r"


@told(SAMPLES, "Try a .csv file with a column '{}' and one for each option.")
def _no_file(batch: Any, tmp_path: Path) -> Iterator[Step]:
    yield lambda: command("batch", tmp_path / "no.csv", "place", "--out", tmp_path / "out")
    yield lambda: batch(GOOD)


@told(SAMPLES, "Try a first line such as: {},query,reference")
def _no_names(batch: Any) -> Iterator[Step]:
    said = str((yield lambda: batch("name,query\nA,a")))
    yield lambda: batch(f"{said.partition(': ')[2]}\nA,a,r")


@told(SAMPLES, "Try another name for each, and as many cells in a row as in the first.")
def _twice(batch: Any) -> Iterator[Step]:
    yield lambda: batch("sample,query,reference\nA,a,r\nA,b")
    yield lambda: batch(GOOD)


@told(COMMAND, "Try --workers 1.")
def _no_workers(batch: Any) -> Iterator[Step]:
    said = str((yield lambda: batch(GOOD, "--workers", 0)))
    yield lambda: batch(GOOD, *options(said))


@told(COMMAND, "Try some of: {}.")
def _unknown_column(batch: Any) -> Iterator[Step]:
    said = str((yield lambda: batch("sample,cells\nA,a")))
    names = said.partition(": ")[2].removesuffix(".").split(", ")
    assert {"query", "reference"} <= {*names}
    yield lambda: batch(GOOD)


@told(COMMAND, "Try 'spatialrecon {} --help' for its options.")
def _bad_row(batch: Any, capsys: pytest.CaptureFixture[str]) -> Iterator[Step]:
    said = str((yield lambda: batch("sample,query,reference\nA,,r")))

    def helped() -> None:
        with pytest.raises(SystemExit):
            command(*shlex.split(said.split("'")[1])[1:])
        assert "--query" in capsys.readouterr().out
        batch(GOOD)

    yield helped


@told(COMMAND, 'Try --options "--preset quick --seed 1".')
def _no_quotation(batch: Any) -> Iterator[Step]:
    said = str((yield lambda: batch(GOOD, "--options", "--preset 'quick")))
    yield lambda: batch(GOOD, *options(said))


@told(COMMAND, "Try without: the batch names the results by their samples.")
def _own_output(batch: Any) -> Iterator[Step]:
    yield lambda: batch(GOOD, "--options", "--out a.h5ad --seed 1")
    yield lambda: batch(GOOD, "--options", "--seed 1")


@told("batch/cluster.py", "Try {}, or the address that 'dask scheduler' prints.")
def _no_scheduler(batch: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.2)
    said = str((yield lambda: batch(GOOD, "--cluster", "tcp://127.0.0.1:9")))
    assert said.startswith("Try --cluster local,")
    monkeypatch.setattr(cluster, "_CONNECT_S", 30)

    def local() -> None:
        with cluster.on_cluster("local", 1) as executor:
            assert executor.submit(len, "abc").result() == 3

    yield local
