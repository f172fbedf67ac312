"""Validating a method on held-out truth of one's own data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.evaluation.intervals import Interval
from napari_spatialrecon.methods.genes.knn import GeneKnn
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.super_resolution.interpolation import Bilinear
from napari_spatialrecon.tasks.validation import words
from napari_spatialrecon.tasks.validation.result import ITEMS, PNG, RECORD, SVG, TABLE, Score
from napari_spatialrecon.tasks.validation.validating import plan_validation


@pytest.fixture(scope="module")
def labelled(tiny):
    cells = tiny.cells.copy()
    cells.obs["type"] = tiny.truth["cell_type"].to_numpy()
    return cells


def bins(n=24, genes=5):
    """Return bins whose genes are waves."""
    rng = np.random.default_rng(0)
    y, x = (v.ravel()[:, None] for v in np.indices((n, n)))
    wave = 6 + 5 * np.sin(x / 4) * np.cos(y / (3 + np.arange(genes)))
    adata = AnnData(sparse.csr_matrix(rng.poisson(wave).astype(np.float32)))
    adata.obsm["spatial"] = np.c_[x, y] * 10.0
    return adata


def shuffled(adata, seed=3):
    """Return a table with its rows of counts in another order, all else as it was."""
    made = adata.copy()
    made.X = adata.X[np.random.default_rng(seed).permutation(adata.n_obs)]
    made.layers.clear()
    return made


def without_order(adata, seed=3):
    """Return a table whose genes are shuffled one by one, so that none tells of another."""
    made, rng = adata.copy(), np.random.default_rng(seed)
    made.layers.clear()
    made.X = sparse.csr_matrix(np.apply_along_axis(rng.permutation, 0, adata.X.toarray()))
    return made


@pytest.fixture(scope="module")
def asked(tiny, labelled):
    """The arguments of each task."""
    one = tiny.slides[0]
    return {
        "place": {"references": {"A": one, "B": tiny.slides[1]}, "method": "knn"},
        "deconvolve": {"slide": one, "reference": labelled, "labels": "type", "method": "nnls"},
        "impute-genes": {"slide": one, "reference": labelled, "method": "mapping"},
        "super-resolve": {"slide": bins(), "method": "bilinear"},
    }


@pytest.fixture(scope="module")
def found(asked):
    return {task: sr.validate(task, **given) for task, given in asked.items()}


def test_places_are_validated_in_um_beside_all_baselines(found, tiny):
    place = found["place"]
    table = place.table()
    assert list(table.index) == ["knn", "ridge", "trivial"]
    assert "Held out: 37 spots of A and B" in place.verdict
    assert " µm better (95% interval " in place.verdict
    items = place.items
    assert len(items) == sum(round(0.25 * slide.n_obs) for slide in tiny.slides)
    assert table.loc["knn", "median_um"] == pytest.approx(items["knn"].median())
    gain = table.loc["ridge"]
    assert gain["median_um_gain"] == pytest.approx(
        gain["median_um"] - table.loc["knn", "median_um"]
    )
    assert gain["median_um_gain_low"] < gain["median_um_gain"] < gain["median_um_gain_high"]
    assert np.isnan(table.loc["trivial", "stress"])
    assert set(place.record["inputs"]) == {"A", "B"}


@pytest.mark.parametrize(
    ("um", "stress", "center", "outcome"),
    [
        ((20, 5, 40), (0.01, -0.02, 0.03), (90, 50, 99), "better"),
        ((2, -5, 9), (0.05, 0.02, 0.08), (90, 50, 99), "better"),
        ((2, -5, 9), (0.01, -0.02, 0.03), (90, 50, 99), "no better"),
        ((20, 5, 40), (-0.05, -0.08, -0.02), (90, 50, 99), "no better"),
        ((2, -5, 9), (0.05, 0.02, 0.08), (5, -9, 20), "no better"),
        ((-20, -40, -5), (0.01, -0.02, 0.03), (90, 50, 99), "worse"),
        ((2, -5, 9), (-0.05, -0.08, -0.02), (90, 50, 99), "worse"),
    ],
)
def test_better_is_what_wins_clearly_and_loses_nowhere(found, um, stress, center, outcome):
    def score(name, values, gains):
        return Score(name, name, values, tuple(g and Interval(*g) for g in gains), 1.0)

    own, shown = Interval(100, 90, 110), Interval(0.4, 0.3, 0.5)
    scores = (
        score("own", (own, shown), (None, None)),
        score("knn", (Interval(110, 90, 130), shown), (um, stress)),
        score(words.TRIVIAL, (Interval(200, 150, 250), None), (center, None)),
    )
    assert words.outcome(scores) == outcome
    said = words.verdict(scores, found["place"].measures, "40 spots")
    assert said.doubtful == (outcome != "better")
    assert ("is no better than the baseline (knn)" in said.text) == said.doubtful
    assert ("it is worse" in said.text) == (outcome == "worse")
    if outcome == "better":
        by = " by relative error of distances." if um[1] < 0 else "."
        assert said.text.startswith(f"own is better than its baselines{by} Held out: 40 spots.")


@pytest.mark.parametrize("task", ["deconvolve", "impute-genes", "super-resolve"])
def test_the_other_tasks_have_a_verdict_beside_each_baseline(found, task):
    one = found[task]
    table = one.table()
    assert len(table) >= 3 and np.isfinite(table[one.measures[0].own]).all()
    assert "95% interval" in one.verdict and one.held_out in one.verdict
    best = table[one.measures[0].own].iloc[1:]
    best = best.max() if one.measures[0].higher else best.min()
    own = table[one.measures[0].own].iloc[0]
    if one.outcome == "better":
        assert own > best if one.measures[0].higher else own < best


def test_the_same_seed_gives_the_same_and_another_one_other_spots(asked, found):
    again = sr.validate("place", **asked["place"])
    pd.testing.assert_frame_equal(again.items, found["place"].items)
    other = sr.validate("place", **asked["place"], seed=1)
    assert set(other.items["name"]) != set(again.items["name"])


@pytest.mark.parametrize("task", ["place", "deconvolve", "impute-genes", "super-resolve"])
def test_a_shuffled_tissue_is_warned_of_and_no_better_than_the_baseline(
    asked, labelled, found, task
):
    given = dict(asked[task])
    if task == "place":
        given["references"] = {n: shuffled(s) for n, s in given["references"].items()}
    elif task == "deconvolve":
        cells = labelled.copy()
        cells.obs["type"] = np.random.default_rng(1).permutation(cells.obs["type"].to_numpy())
        given["reference"] = cells
    elif task == "impute-genes":
        given["slide"] = without_order(given["slide"])
    else:
        given["slide"] = shuffled(given["slide"])
    one = sr.validate(task, **given)
    assert one.outcome != "better" and one.told.doubtful
    assert "is no better than the baseline" in one.verdict
    slides = {"place": ["A", "B"], "deconvolve": []}.get(task, ["slide"])  # types were shuffled
    warned = [text.partition(": expression shows no pattern in space")[0] for text in one.notes]
    assert [name for name in slides if name in warned] == slides
    assert one.record["warnings"] == list(one.notes[: len(slides)])
    assert found[task].record["warnings"] == []


def answers(monkeypatch, method, name):
    """Record what a method returns."""
    seen, plain = [], getattr(method, name)

    def noted(self, *given, **more):
        made = plain(self, *given, **more)
        blocks = isinstance(made, Iterator)
        made = list(made) if blocks else made
        seen.append(made)
        return iter(made) if blocks else made

    monkeypatch.setattr(method, name, noted)
    return seen


@pytest.mark.parametrize("kind", ["spots", "section"])
def test_hidden_places_never_reach_the_methods(asked, found, monkeypatch, kind):
    seen = answers(monkeypatch, Knn, "place")
    given = {**asked["place"], "hold_out": kind}
    first = sr.validate("place", **given)
    count = len(seen)
    moved = {name: slide.copy() for name, slide in given["references"].items()}
    if kind == "spots":
        for name, slide in moved.items():
            items = first.items
            hidden = slide.obs_names.isin(items.loc[items["slide"] == name, "name"])
            slide.obsm["spatial"][hidden] = slide.obsm["spatial"][hidden][::-1]
    else:  # the first of two sections is hidden in the first fold
        moved["A"].obsm["spatial"] = moved["A"].obsm["spatial"][::-1].copy()
    second = sr.validate("place", **{**given, "references": moved})
    told = seen[count:] if kind == "spots" else seen[count : count + 1]
    for one, other in zip(seen, told, strict=False):
        assert one.coordinates.tobytes() == other.coordinates.tobytes()
    assert not np.allclose(first.items["knn"], second.items["knn"])


def test_hidden_genes_never_reach_the_methods(asked, monkeypatch):
    seen = answers(monkeypatch, GeneKnn, "impute")
    given = asked["impute-genes"]
    first = sr.validate("impute-genes", **given)
    slide = given["slide"].copy()
    hidden = slide.var_names.isin(first.items["name"])
    counts = slide.X.tolil()
    counts[:, hidden] = counts[:, hidden][::-1]
    slide.X = counts.tocsr()
    second = sr.validate("impute-genes", **{**given, "slide": slide})
    assert list(first.items["name"]) == list(second.items["name"])
    one, other = (blocks[0].values for blocks in seen)
    assert one.tobytes() == other.tobytes()
    assert not np.allclose(first.items["knn"], second.items["knn"])


def test_hidden_detail_never_reaches_the_methods(asked, monkeypatch):
    seen = answers(monkeypatch, Bilinear, "split")
    first = sr.validate("super-resolve", **asked["super-resolve"])
    slide = bins()
    x, y = (slide.obsm["spatial"] / 10).astype(int).T
    slide.X = slide.X[24 * (y ^ 1) + (x ^ 1)]  # the spots of each block, the other way round
    second = sr.validate("super-resolve", slide=slide, method="bilinear")
    assert len(seen) % 2 == 0
    one, other = (seen[at].values for at in (0, len(seen) // 2))
    assert abs(one - other).max() == 0
    assert not np.allclose(first.items["bilinear"], second.items["bilinear"])


def test_it_is_saved_whole_and_opens_as_it_was(found, tmp_path):
    for task, one in found.items():
        folder = one.save(tmp_path / task)
        assert {p.name for p in folder.iterdir()} == {RECORD, TABLE, ITEMS, PNG, SVG}
        again = sr.Validation.read(folder)
        assert (again.verdict, again.scores, again.measures) == (
            one.verdict,
            one.scores,
            one.measures,
        )
        pd.testing.assert_frame_equal(again.items, one.items, rtol=1e-4, check_dtype=False)
        assert pd.read_csv(folder / TABLE).shape[0] == len(one.scores)
    one.save(tmp_path / task)  # replaces its own folder
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        one.save(tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_the_plan_says_what_is_held_out_what_is_run_and_how_long_it_takes(asked):
    plan = plan_validation("place", **asked["place"])
    assert plan.summary.startswith("Holds out ")
    assert "runs kNN and Ridge regression: about " in plan.summary
    seen = []
    found = plan.run(progress=seen.append)
    assert {"Trying kNN (1 of 2): ", "Trying Ridge regression (2 of 2): "} <= {
        report.stage[: report.stage.index(": ") + 2] for report in seen if ": " in report.stage
    }
    assert any(report.expected is not None for report in seen)
    assert found.seconds > 0
    with pytest.raises(Stopped):
        plan.run(should_stop=lambda: True)


def test_cells_are_held_out_of_a_slide_of_single_cells(tiny):
    cells = tiny.cells.copy()
    cells.obsm["spatial"] = tiny.truth[["x", "y"]].to_numpy(float)
    one = sr.validate("place", references={"A": cells}, method="knn", hold_out="cells")
    assert one.kind == "cells" and one.items["knn"].notna().all()
    assert set(one.items["name"]) <= set(cells.obs_names)


def test_only_genes_that_the_cells_measured_are_used(asked, tiny, monkeypatch):
    seen = []
    plain = Knn.fit
    monkeypatch.setattr(
        Knn, "fit", lambda self, slides, *more: (seen.append(slides), plain(self, slides, *more))[1]
    )
    query = tiny.cells[:, :60].copy()
    sr.validate("place", **asked["place"], query=query)
    assert {slide.adata.n_vars for slides in seen for slide in slides} == {60}


def test_a_choice_is_validated_with_what_it_keeps(asked, monkeypatch):
    from napari_spatialrecon.methods.auto import candidates
    from napari_spatialrecon.methods.registry import find_method

    quick = [find_method(name, "place") for name in ("auto", "knn", "ridge")]
    monkeypatch.setattr(candidates, "methods_for", lambda task: quick)
    one = sr.validate("place", **{**asked["place"], "method": "auto"})
    assert one.scores[0].title == "Auto (kept kNN)" and one.record["method"] == "knn"
    assert one.record["config"] == find_method("knn", "place").config()().to_dict()
    assert one.outcome == "no better"
    assert np.allclose(one.items["auto"], one.items["knn"])


def test_too_few_spots_genes_or_cells_say_what_would_be_needed(asked, tiny, labelled):
    few = {"A": tiny.slides[0][:12].copy()}
    with pytest.raises(InputError, match=r"at least 19 spots .* found 12"):
        sr.validate("place", references=few)
    with pytest.raises(InputError, match="at least 2 sections"):
        sr.validate("place", references={"A": tiny.slides[0]}, hold_out="section")
    with pytest.raises(InputError, match=r"at least 25 genes .* found 20"):
        sr.validate("impute-genes", slide=tiny.slides[0][:, :20].copy(), reference=labelled)
    with pytest.raises(InputError, match=r"at least 20 spots .* found 5"):
        sr.validate("impute-genes", slide=tiny.slides[0][:5].copy(), reference=labelled)
    with pytest.raises(InputError, match=r"at least 40 cells .* found 30"):
        given = {**asked["deconvolve"], "reference": labelled[:30].copy()}
        sr.validate("deconvolve", **given)
    with pytest.raises(InputError, match=r"at least 30 complete blocks"):
        sr.validate("super-resolve", slide=bins(8))


@pytest.fixture(scope="module")
def marked(tiny):
    """Cells, landmarks on 40 of them, and a small dp-VAE."""
    rows = np.random.default_rng(0).permutation(400)[:40]
    known = sr.Landmarks(rows, tiny.truth[["x", "y"]].to_numpy()[rows])
    small = {
        "members": 1,
        "validate": False,
        "training.steps": 10,
        "network": {"width": 32, "layers": 1},
    }
    return {
        "query": tiny.cells,
        "landmarks": known,
        "references": {"A": tiny.slides[0]},
        "method": "dpvae",
        "settings": small,
    }


def test_each_quarter_of_the_landmarks_is_predicted_from_the_others(marked, monkeypatch):
    from napari_spatialrecon.methods.dpvae.model import DPVAE

    seen = answers(monkeypatch, DPVAE, "impute")
    found = sr.validate("impute-locations", **marked)
    assert list(found.table().index) == ["dpvae", "knn", "ridge", "trivial"]
    assert "40 landmarks, a quarter in turn" in found.verdict and "µm" in found.verdict
    assert len(found.items) == 40 and found.items["dpvae"].median() > 0
    assert set(found.items["name"]) == set(marked["query"].obs_names[marked["landmarks"].indices])
    alone = sr.validate("impute-locations", **{**marked, "references": {}})
    assert "learn from the other landmarks alone" in alone.notes[0]
    assert len(seen) == 8
    # The places of one part move: what the others predict of it stays as it was.
    hidden = found.items["slide"] == "landmarks 1"
    names = marked["query"].obs_names[marked["landmarks"].indices]
    places = marked["landmarks"].places.copy()
    own = names.isin(found.items.loc[hidden, "name"])
    places[own] = places[own][::-1]
    moved = sr.Landmarks(marked["landmarks"].indices, places)
    sr.validate("impute-locations", **{**marked, "landmarks": moved})
    assert seen[8].coordinates.tobytes() == seen[0].coordinates.tobytes()
    assert seen[9].coordinates.tobytes() != seen[1].coordinates.tobytes()


def test_landmarks_that_were_shuffled_get_no_better_than_the_baseline(marked):
    known = marked["landmarks"]
    places = np.random.default_rng(2).permutation(known.places)
    given = {**marked, "landmarks": sr.Landmarks(known.indices, places)}
    one = sr.validate("impute-locations", **given)
    assert one.outcome != "better" and "is no better than the baseline" in one.verdict


def test_a_saved_model_is_validated_on_a_slide_that_it_never_saw(tiny, tmp_path):
    model = sr.train({"A": tiny.slides[0]}, method="ridge")
    model.save(tmp_path / "model")
    other = {"references": {"B": tiny.slides[1]}, "model": tmp_path / "model"}
    found = sr.validate("place", **other)
    assert list(found.table().index) == ["ridge", "knn", "trivial"]
    assert len(found.items) == tiny.slides[1].n_obs
    assert "which the model was not trained on" in found.verdict
    with pytest.raises(InputError, match="has seen them, so nothing can be held out") as caught:
        sr.validate("place", **{**other, "references": {"C": tiny.slides[0]}})
    assert "trains ridge anew" in caught.value.remedy
    with pytest.raises(InputError, match="held out of super-resolve, found a saved model"):
        sr.validate("super-resolve", slide=bins(), model=tmp_path / "model")
