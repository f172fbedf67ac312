"""Options and outputs that cannot be: told before anything is read, with nothing left behind."""

from __future__ import annotations

import os

import pytest

from napari_spatialrecon import cli, hdf5
from napari_spatialrecon.cli import main
from napari_spatialrecon.command_line import placing as placing_verbs


def names(folder):
    return {p.name for p in folder.iterdir()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "stepz=3"], "found 'stepz'"),
        (["--set", "training.step=3"], "Did you mean training.steps"),
        (["--set", "training.steps=many"], "Expected a whole number, found 'many'"),
        (["--set", "training.steps=0"], "Expected a value from 1 to ∞"),
        (["--set", "network.likelihood=poisson"], "Expected one of gaussian, nb"),
        (["--set", "alpha"], "Expected key=value"),
        (["--preset", "fast"], "Expected a preset of quick, standard, paper"),
        (["--device", "tpu"], "Expected auto, cpu, cuda"),
        (["--display", "section3"], "Try one of section1, section2"),
        (["--threads", "0"], "Expected at least 1 thread"),
        (["--resume", "nowhere"], "Expected the folder of a stopped run, found none"),
        (["--model", "nowhere"], "Expected a file of a saved model, found none"),
        (["--config", "nowhere.toml"], "Expected a TOML file, found none"),
        (["--model", "nowhere", "--set", "alpha=1"], "Expected either settings or a saved model"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_written(
    run, inputs, tmp_path, words, message, placing
):
    code, printed, messages = run(*placing(tmp_path / "a.h5ad", "dpvae", *words))
    assert code == 2
    assert printed == ""
    assert message in messages
    assert "Traceback" not in messages
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    "words",
    [
        ["place", "--method", "knn"],
        ["plaice"],
        [],
        ["place", "--method", "knn", "--query", "a", "--out", "b.h5ad", "--seed", "-1"],
        ["place", "--method", "knn", "--query", "a", "--out", "b.h5ad", "--threads", "x"],
        ["simulate", "--tissue", "liver", "--out", "x"],
        ["train", "--method", "dpvae", "--reference", "a", "--out", "m", "--save-model", "n"],
    ],
)
def test_a_line_that_cannot_be_parsed_ends_with_usage(capsys, words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: spatialrecon" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "{inputs}/cells.h5ad"], "found that of --query"),
        (["--out", "{inputs}/section1.h5ad"], "found that of --reference"),
        (["--out", "placed.csv"], "Try --out placed.h5ad"),
        (["--out", "{tmp}"], "Expected an output with suffix .h5ad"),
        (["--out", "folder.h5ad"], "Expected a file to write, found a folder"),
        (["--out", "a.h5ad", "--picture", "a.jpg"], "Try --picture a.png"),
        (["--out", "a.h5ad", "--json", "a.h5ad"], "found that of --out"),
        (["--out", "file/a.h5ad"], "Expected a writable location"),
        (["--out", "a.h5ad", "--save-model", "precious"], "found a folder with other files"),
        (["--out", "a.h5ad", "--save-model", "file"], "Expected a folder to write, found a file"),
        (["--out", "taken.h5ad"], "Expected this folder to be free for a stopped run"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_read(
    run, inputs, tmp_path, monkeypatch, words, message, references
):
    (tmp_path / "folder.h5ad").mkdir()
    (tmp_path / "taken.resume").mkdir()
    (tmp_path / "taken.resume" / "thesis.txt").write_text("precious")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("precious")
    (tmp_path / "file").write_text("")
    before = names(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(placing_verbs, "Inputs", None)
    words = [w.format(inputs=inputs, tmp=tmp_path) for w in words]
    code, _, messages = run(
        *("place", "--method", "knn", *references, "--query", inputs / "cells.h5ad"), *words
    )
    assert code == 2
    assert message in messages
    assert names(tmp_path) == before
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "precious"


def test_an_older_model_is_replaced(run, inputs, tmp_path, references):
    words = ["train", "--method", "ridge", *references, "--out", tmp_path / "model"]
    assert run(*words)[0] == 0
    (tmp_path / "model" / "stale.txt").write_text("old")
    assert run(*words)[0] == 0
    assert "stale.txt" not in names(tmp_path / "model")


def test_what_a_failure_made_is_cleared_and_what_was_there_stays(
    run, inputs, tmp_path, monkeypatch, placing
):
    """The h5ad is the last to be written: model and picture are there when it fails."""
    (tmp_path / "picture.png").write_text("old")

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hdf5, "created", full)
    code, _, messages = run(
        *placing(tmp_path / "a.h5ad", "knn", "--save-model", tmp_path / "model"),
        *("--picture", tmp_path / "picture.png"),
    )
    assert code == 2
    assert "found the disk full" in messages
    assert names(tmp_path) == {"picture.png"}


def test_whoever_reads_the_summary_may_stop_reading(run, inputs, tmp_path, monkeypatch, placing):
    def closed(*args, **kwargs):
        raise BrokenPipeError

    monkeypatch.setattr(placing_verbs, "summarise", closed)
    monkeypatch.setattr(cli.os, "dup2", lambda *a: None)
    monkeypatch.setattr(cli.sys, "stdout", open(os.devnull, "w"))  # noqa: PTH123, SIM115
    assert main([str(w) for w in placing(tmp_path / "a.h5ad")]) == 0
