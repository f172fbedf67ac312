"""Remedies of comparing methods."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import napari_spatialrecon as sr
from napari_spatialrecon.cli import _parser
from napari_spatialrecon.command_line.face import CommandLine
from napari_spatialrecon.comparison.cases.known import chosen
from napari_spatialrecon.comparison.cases.own import OwnFiles
from napari_spatialrecon.comparison.contestants import contestants
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.comparison.peers import PEERS
from remedies.cases import Step, keywords, remedy

CASES, RUNNING = "comparison/cases/known.py", "comparison/running.py"
OWN = "comparison/cases/own.py"


def table(out: Path, **more: Any) -> Step:
    given = {"cases": ["place/her2-23-5"], "methods": ["knn"], "seeds": [0], "pictures": False}
    return lambda: sr.benchmark(out, **{**given, **more})


def names(said: str, after: str) -> list[str]:
    """Return the names that a remedy lists at its end."""
    return re.findall(r"[\w/.-]+", said.partition(after)[2].rstrip("."))


@remedy("command_line/comparing.py", "Try --out FOLDER.", face=CommandLine())
def _no_folder(tmp_path: Path) -> Iterator[Step]:
    def run(*words: object) -> Step:
        options = _parser().parse_args(["compare", "--cases", "place", *map(str, words)])
        return lambda: options.run(options, threading.Event())

    yield run()
    yield run("--dry", "--methods", "knn", "--out", tmp_path, "--progress", "none")


@remedy(CASES, "Try {}, or one of {}.")
def _no_such_case() -> Iterator[Step]:
    said = str((yield lambda: chosen(["her3"])))
    yield lambda: chosen([keywords(said)["cases"], *names(said, "or one of ")])


@remedy(OWN, "Try {}, or one of {}.")
def _no_such_task() -> Iterator[Step]:
    said = str((yield lambda: OwnFiles("plaice")))
    yield lambda: OwnFiles(keywords(said)["task"], reference=("a",), query="b")


@remedy(OWN, "Try with {}.")
def _no_file() -> Iterator[Step]:
    said = str((yield lambda: OwnFiles("place", query="b")))
    name = said.removeprefix("Try with ").rstrip("=.")
    yield lambda: OwnFiles("place", query="b", **{name: ("a",)})


@remedy(OWN, "Try a reference of the same species with the same names of genes.")
def _no_gene_shared(tiny_folder: Path, tiny: Any, tmp_path: Path) -> Iterator[Step]:
    slide, cells = (tiny_folder / f"{name}.h5ad" for name in ("section1", "cells"))
    other = tiny.cells.copy()
    other.var_names = [f"other{i}" for i in range(other.n_vars)]
    other.write_h5ad(tmp_path / "other.h5ad")
    of = {"slide": str(slide)}
    yield lambda: OwnFiles(
        "impute-genes", reference=(str(tmp_path / "other.h5ad"),), **of
    ).problem()
    yield lambda: OwnFiles("impute-genes", reference=(str(cells),), **of).problem()


@remedy("comparison/contestants.py", "Try {} with some of {}.")
def _no_such_method() -> Iterator[Step]:
    said = str((yield lambda: contestants("place", ["gaers"])))
    yield lambda: contestants("place", names(said, "with some of "))


@remedy("comparison/data.py", "Try {} with the folder that holds it.{}")
def _no_such_data(tmp_path: Path) -> Iterator[Step]:
    yield lambda: DataFolder(tmp_path).find("mine/slide.h5ad")
    (tmp_path / "other" / "mine").mkdir(parents=True)
    (tmp_path / "other" / "mine" / "slide.h5ad").touch()
    yield lambda: DataFolder(tmp_path / "other").find("mine/slide.h5ad")


@remedy("comparison/peers/base.py", "Try one of {}.")
def _no_such_option() -> Iterator[Step]:
    info = PEERS[0]
    said = str((yield lambda: info.adapter()(info, ["speed=2"])))
    yield lambda: info.adapter()(info, [f"{names(said, 'one of ')[0]}=cells"])


@remedy(RUNNING, "Try {}, or one of {}.")
def _no_case(tmp_path: Path) -> Iterator[Step]:
    said = str((yield table(tmp_path, cases=[])))
    yield table(tmp_path, cases=[keywords(said)["cases"], *names(said, "or one of ")], dry=True)


@remedy(RUNNING, "Try another {}.")
def _a_file_for_a_folder(tmp_path: Path) -> Iterator[Step]:
    (tmp_path / "file").touch()
    yield table(tmp_path / "file")
    yield table(tmp_path / "folder", dry=True)


@remedy(RUNNING, "Try {} with a method of the task.")
def _a_method_of_another_task(tmp_path: Path) -> Iterator[Step]:
    yield table(tmp_path, methods=["srast"])
    yield table(tmp_path, methods=["knn"], dry=True)


@remedy(RUNNING, "Try another {} or another {}.")
def _other_files(tmp_path: Path) -> Iterator[Step]:
    own = {"task": "place", "reference": ["a"], "query": "b"}
    made = tmp_path / "cases" / "place" / "mine" / "case.json"
    made.parent.mkdir(parents=True)
    made.write_text(json.dumps({"own": {"query": "c"}}))
    yield table(tmp_path, cases=[], own=own)
    yield table(tmp_path, cases=[], own={**own, "name": "other"}, dry=True)


@remedy(RUNNING, "Try {}; experiments/README.md says what it holds.")
def _no_data(tmp_path: Path) -> Iterator[Step]:
    yield table(tmp_path)
    yield table(tmp_path, data=tmp_path, dry=True)
