"""Ten lines of a user, a script for each task: they run, and a type checker understands them."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import napari_spatialrecon

SCRIPTS = Path(__file__).with_name("scripts")
LEFT = {
    "place": {"placed.h5ad", "placed.run.json"},
    "impute_locations": {"known.h5ad", "known.run.json", "moved.h5ad", "moved.run.json"},
    "align": {"aligned.h5ad", "aligned.run.json"},
    "deconvolve": {"mixtures.h5ad", "mixtures.run.json"},
    "super_resolve": {"parts.h5ad", "parts.run.json"},
    "impute_genes": {"genes.h5ad", "genes.run.json", "all.zarr", "all.run.json"},
    "train": {f"placed{n}{end}" for n in (0, 1) for end in (".h5ad", ".run.json")} | {"model"},
    "train_encoder": {"encoder"},
}


@pytest.mark.parametrize("name", LEFT)
def test_a_script_runs_and_leaves_its_files(name, tiny_folder, tmp_path, monkeypatch):
    inputs = [shutil.copy(file, tmp_path) for file in tiny_folder.glob("*.h5ad")]
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    assert {path.name for path in tmp_path.iterdir()} - {Path(p).name for p in inputs} == LEFT[name]


def test_every_script_is_run():
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {*LEFT, "wrong"}


def test_a_script_needs_one_import():
    for path in SCRIPTS.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        imports = {line for line in lines if line.startswith(("import", "from"))}
        assert imports <= {"import napari_spatialrecon as sr", "import numpy as np"}, path.name


def test_a_type_checker_understands_the_scripts(tmp_path):
    """What is right passes, and what `wrong.py` does wrong is found."""
    source = Path(napari_spatialrecon.__file__).parents[1]
    words = ["--config-file", SCRIPTS / "mypy.ini", "--cache-dir", tmp_path]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, words), *map(str, sorted(SCRIPTS.glob("*.py")))],
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(source)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
