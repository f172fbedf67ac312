"""The folder of data that the experiments read."""

import argparse
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from experiments.data import add_data_option, run

from napari_spatialrecon.comparison.data import LEAST_COUNTS, SOURCES, DataFolder
from napari_spatialrecon.errors import InputError

ROOT = Path(__file__).parents[2]
SCRIPTS = [
    path
    for folder in ("experiments", "docs/figures")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "__main__" in path.read_text()
]


def test_a_missing_file_is_named_with_its_data_set_and_source(tmp_path):
    with pytest.raises(InputError) as error:
        DataFolder(tmp_path).find("starmap_mpfc/section_BZ5.h5ad")
    message = str(error.value)
    for word in ("section_BZ5.h5ad", str(tmp_path), "STARmap", "zhengli09/BASS-Analysis", "data="):
        assert word in message


def test_a_missing_file_of_no_known_data_set_is_named_too(tmp_path):
    with pytest.raises(InputError, match="found no such file"):
        DataFolder(tmp_path).find("mine/slide.h5ad")


def test_a_script_ends_with_the_message_alone():
    def main():
        raise InputError("Expected a slide, found none.")

    with pytest.raises(SystemExit, match="Expected a slide, found none"):
        run(main)


def test_cells_with_few_counts_are_left_out(tmp_path):
    counts = np.array([[LEAST_COUNTS, 0], [LEAST_COUNTS - 1, 0], [0, LEAST_COUNTS + 1]])
    table = ad.AnnData(counts.astype(np.float32))
    table.write_h5ad(tmp_path / "cells.h5ad")
    assert list(DataFolder(tmp_path).cells("cells.h5ad").obs_names) == ["0", "2"]
    assert DataFolder(tmp_path).read("cells.h5ad").n_obs == 3


def test_the_folder_is_the_argument_else_the_environments(tmp_path, monkeypatch):
    monkeypatch.setenv("SPATIALRECON_DATA", str(tmp_path))
    parser = argparse.ArgumentParser()
    add_data_option(parser)
    assert parser.parse_args([]).data.path == tmp_path
    assert parser.parse_args(["--data", "else"]).data.path == Path("else")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_takes_the_folder_and_reads_no_other(path):
    text = path.read_text()
    reads = "data.read(" in text or "data.find(" in text or "load(" in text
    assert "shared/data" not in text
    assert not reads or "add_data_option(parser)" in text


def test_every_data_set_stands_in_the_readme():
    text = (ROOT / "experiments/README.md").read_text()
    for name, source in SOURCES.items():
        assert name in text
        repository, _, commit = source.repository.removeprefix("github.com/").partition(" at ")
        assert repository in text or name == "mixtures"
        assert commit in text or name == "mixtures"
