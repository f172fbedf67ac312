"""deconvolve and evaluate deconvolve on the command line."""

from __future__ import annotations

import json

import anndata
import numpy as np
import pytest

from napari_spatialrecon.evaluation.mixture_metrics import mixture_metrics


@pytest.fixture
def words(inputs):
    def words(out, *more):
        given = ["--slide", inputs / "section1.h5ad", "--reference", inputs / "cells.h5ad"]
        return ["deconvolve", *given, "--labels", "cell_type", "--out", out, *more]

    return words


def test_mixtures_are_written_drawn_and_judged(run, words, inputs, tmp_path):
    out, picture = tmp_path / "mix.h5ad", tmp_path / "maps.png"
    code, _, messages = run(
        *words(out, "--method", "come", "--set", "steps=3", "--picture", picture)
    )
    assert code == 0, messages
    made = anndata.read_h5ad(out)
    np.testing.assert_allclose(made.obsm["proportions"].sum(axis=1), 1, rtol=1e-6)
    assert made.obsm["mapping"].shape == (
        made.n_obs,
        anndata.read_h5ad(inputs / "cells.h5ad").n_obs,
    )
    assert picture.stat().st_size > 5000
    shown = made.uns["spatialrecon"]["marker_agreement"]
    table = messages[messages.index("type ") :].splitlines()
    assert table[0].split() == ["type", "share", "agreement", "markers"]
    for line, (name, row) in zip(table[1:16], shown.iterrows(), strict=False):
        value = "unknown" if np.isnan(row["agreement"]) else f"{row['agreement']:.2f}"
        assert line.startswith(name) and line.split("%")[1].split()[0] == value
    assert json.loads((tmp_path / "mix.run.json").read_text())["settings"]["labels"] == "cell_type"
    other = made.copy()
    other.obsm["proportions"].iloc[:] = np.roll(made.obsm["proportions"].to_numpy(), 1, axis=0)
    other.write_h5ad(tmp_path / "other.h5ad")
    words = ["--truth", out, "--prediction", tmp_path / "other.h5ad"]
    code, printed, messages = run("evaluate", "deconvolve", *words)
    assert code == 0, messages
    both = [table.obsm["proportions"].to_numpy() for table in (made, other)]
    assert json.loads(printed)["mean"] == pytest.approx(mixture_metrics(*both))


def test_known_numbers_of_cells_are_taken_from_a_file(run, words, inputs, tmp_path):
    slide = anndata.read_h5ad(inputs / "section1.h5ad")
    types = sorted(set(anndata.read_h5ad(inputs / "cells.h5ad").obs["cell_type"].dropna()))
    lines = [",".join(["spot", types[0]]), *(f"{name},3" for name in slide.obs_names)]
    prior = tmp_path / "cells.csv"
    prior.write_text("\n".join(lines))
    found = {}
    for name, more in {"alone": ["--set", "prior=none"], "known": ["--prior", prior]}.items():
        out = tmp_path / f"{name}.h5ad"
        assert run(*words(out, "--method", "come", "--set", "steps=3", *more))[0] == 0
        shares = anndata.read_h5ad(out).obsm["proportions"]
        found[name] = shares[types[0].replace("/", "_")].mean()
    assert found["known"] > found["alone"] + 0.2


def test_a_wrong_column_or_type_leaves_nothing(run, words, tmp_path):
    out, picture = tmp_path / "a.h5ad", tmp_path / "a.png"
    more = ["--method", "nnls", "--picture", picture, "--types", "Unicorn"]
    for given in (["--labels", "cluster"], more):
        code, _, messages = run(*words(out, *given))
        assert code == 2
        assert "Expected" in messages
        assert "Traceback" not in messages
        assert not list(tmp_path.iterdir())
