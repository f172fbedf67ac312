"""validate on the command line."""

from __future__ import annotations

import json

import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.tasks.validation import hidden_places


@pytest.fixture
def placing_words(references):
    def words(*more):
        return ["validate", "place", "--method", "knn", *references, *more]

    return words


def test_the_time_is_said_first_and_the_verdict_last(run, placing_words, tmp_path, monkeypatch):
    monkeypatch.setattr(hidden_places, "missing", lambda signals: (f"{list(signals)[1]}: none",))
    out = tmp_path / "checked"
    code, printed, said = run(*placing_words("--out", out, "--json", "-"))
    lines = said.strip().splitlines()
    assert code == 0 and lines[0].startswith("Holds out 37 spots of ")
    assert "runs kNN and Ridge regression: about " in lines[0]
    assert lines[1] == "warning: section2: none" and said.count("section2: none") == 1
    again = sr.Validation.read(out)
    assert lines[-1] == again.verdict == json.loads(printed)["verdict"]
    assert again.record["settings"]["command"].startswith("spatialrecon validate place ")


def test_each_task_takes_its_own_inputs(run, inputs, tmp_path):
    slide = ["--slide", inputs / "section1.h5ad"]
    cells = ["--reference", inputs / "cells.h5ad"]
    for task, given in {
        "deconvolve": [*slide, *cells, "--labels", "cell_type", "--method", "nnls"],
        "impute-genes": [*slide, *cells, "--method", "knn"],
    }.items():
        code, _, said = run("validate", task, *given)
        assert code == 0 and " is " in said.splitlines()[-1], said
    code, _, said = run("validate", "super-resolve", *slide, "--method", "bilinear")
    assert code == 2 and "at least 30 complete blocks" in said


def test_a_stop_or_too_little_leaves_nothing(run, placing_words, stop_after, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(3, patch)
        code, _, _ = run(*placing_words("--out", tmp_path / "stopped"))
    assert code == 130 and not list(tmp_path.iterdir())
    one = [*placing_words()[:6], "--hold-out", "section", "--out", tmp_path / "few"]
    code, _, said = run(*one)
    assert code == 2 and "Try another --reference, or --hold-out spots." in said
    assert not list(tmp_path.iterdir())


def test_a_folder_of_other_files_is_refused_before_anything_is_run(run, placing_words, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    code, _, said = run(*placing_words("--out", tmp_path))
    assert code == 2 and "Holds out" not in said and "other files" in said
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
