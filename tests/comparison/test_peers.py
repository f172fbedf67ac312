"""Adapters to other tools, without the tools."""

import sys
import tomllib
from pathlib import Path
from types import ModuleType

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from napari_spatialrecon.comparison.contestants import contestants
from napari_spatialrecon.comparison.peers import PEERS
from napari_spatialrecon.comparison.peers.base import (
    mixture_of,
    needs_counts,
    normalised,
    one_slide,
    placed,
)
from napari_spatialrecon.comparison.peers.rctd_tables import write_tables
from napari_spatialrecon.errors import ConfigError, InputError

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def table(values, places=None):
    made = ad.AnnData(np.asarray(values, np.float32))
    if places is not None:
        made.obsm["spatial"] = np.asarray(places, float)
    return made


@pytest.mark.parametrize("info", PEERS, ids=lambda info: info.name)
def test_an_adapter_is_made_without_its_tool_and_records_its_settings(info):
    adapter = info.adapter()(info)
    assert adapter.settings(3)["seed"] == 3
    key, value = next(iter(adapter.OPTIONS.items()))
    changed = info.adapter()(info, [f"{key}={value}"])
    assert changed.settings(0)[key] == value
    with pytest.raises(InputError, match=f"Expected an option of {info.title}, found 'speed'"):
        info.adapter()(info, ["speed=9"])


def test_the_extra_installs_every_tool():
    extra = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]["peers"]
    assert {info.package for info in PEERS} <= {line.split(">")[0] for line in extra}


def test_contestants_are_told_apart_and_settings_checked():
    found = contestants("deconvolve", ["knn", "come", "nnls,loss=counts", "rctd", "gears"])
    assert [(one.title, one.kind) for one in found] == [
        ("kNN label transfer", "baseline"),
        ("COME", "ours"),
        ("Weighted regression (loss=counts)", "baseline"),
        ("RCTD", "peer"),
    ]
    with pytest.raises(ConfigError):
        contestants("deconvolve", ["nnls,loose=counts"])


def test_a_tool_that_is_not_there_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert contestants("place", ["tangram"])[0].missing() == (
        'tangram-sc is not installed: pip install "napari-spatialrecon[peers]"'
    )


def test_several_slides_become_one_each_centered():
    two = {"a": table(np.ones((2, 1)), [[0, 0], [2, 2]]), "b": table([[3]], [[9, 9]])}
    joined = one_slide(two)
    assert joined.obsm["spatial"].tolist() == [[-1, -1], [1, 1], [0, 0]]
    assert one_slide({"b": two["b"]}).obsm["spatial"].tolist() == [[9, 9]]


def test_a_cell_is_placed_at_the_mean_of_its_spots():
    spots = table(np.ones((2, 1)), [[0, 0], [4, 8]])
    made = placed(table([[1]]), np.array([[1.0, 3.0]]), spots)
    assert made.obsm["spatial"].tolist() == [[3, 6]]


def test_a_spot_that_a_tool_left_out_gets_the_mean_and_is_counted():
    spots = table(np.ones((3, 1)))
    made = mixture_of(spots, pd.DataFrame([[1.0, 3], [1, 1]], ["0", "2"], ["a", "b"]))
    assert made.obsm["proportions"].to_numpy().tolist() == [
        [0.25, 0.75],
        [0.375, 0.625],
        [0.5, 0.5],
    ]
    assert made.uns["left_out"] == 1


def test_counts_are_made_logarithms_and_intensities_left_and_refused_by_models_of_counts():
    counts, bright = table([[1, 3], [2, 2]]), table([[0.5, 3]])
    assert normalised(counts).X.max() < 3
    assert normalised(bright).X.tolist() == [[0.5, 3]]
    needs_counts(counts, "gimVI")
    with pytest.raises(InputError, match="Expected counts, which gimVI models"):
        needs_counts(bright, "gimVI")


def test_tables_of_rctd_hold_the_chance_of_each_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what rctd-py would download: chances of all counts sum to 1, with mean E[e^noise]."""
    means = np.array([0.1, 1.0, 3.0])
    likelihood, widths = ModuleType("rctd._likelihood"), ModuleType("rctd._sigma")
    likelihood._ht_pdf_norm, likelihood.build_x_vals = norm.pdf, lambda: means
    widths.SIGMA_ALL = [20, 50]
    for module in (ModuleType("rctd"), likelihood, widths):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    write_tables(tmp_path / "tables.npz", 60)
    with np.load(tmp_path / "tables.npz") as found:
        assert np.array_equal(found["X_vals"], means) and found["Q_50"].shape == (63, 3)
        for width in (20, 50):
            chances = np.exp(found[f"Q_{width}"])
            np.testing.assert_allclose(chances.sum(axis=0), 1, atol=1e-4)
            np.testing.assert_allclose(
                np.arange(63) @ chances, means * np.exp((width / 100) ** 2 / 2), rtol=0.01
            )
