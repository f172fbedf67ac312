"""Ranks, scores and the tables that are made of cells."""

import pytest

from napari_spatialrecon.comparison.choice import chosen
from napari_spatialrecon.comparison.metrics import METRICS, Metric
from napari_spatialrecon.comparison.ranking import accuracy, ranks, summaries
from napari_spatialrecon.comparison.table import Table, number


def cell(method, seed=0, kind="ours", task="deconvolve", case="embryo", status="done", **metrics):
    row = {"task": task, "case": case, "method": method, "title": method.title(), "kind": kind}
    row |= {"seed": seed, "status": status, "reason": "", "metrics": metrics, "seconds": 1.0}
    return row | {"cpu_seconds": 0.5, "peak_memory_bytes": 2e9}


@pytest.fixture
def rows():
    return [
        cell("come", 0, jsd=0.2, pcc=0.9),
        cell("come", 1, jsd=0.4, pcc=0.7),
        cell("knn", kind="baseline", jsd=0.3, pcc=0.95),
        cell("rctd", kind="peer", jsd=0.5, pcc=0.8),
        {**cell("tangram", kind="peer", status="failed"), "reason": "it ran out\nof memory"},
    ]


def test_seeds_become_mean_and_spread(rows):
    come = summaries(rows)[0]
    assert (come.seeds, come.means["jsd"]) == (2, pytest.approx(0.3))
    assert come.spreads["jsd"] == pytest.approx(0.2**0.5 / 10**0.5)
    assert summaries(rows)[1].spreads["jsd"] is None
    assert [s.method for s in summaries(rows)] == ["come", "knn", "rctd"]


def test_the_least_divergence_and_the_largest_correlation_rank_first(rows):
    found = summaries(rows)
    assert ranks(found, Metric("jsd", "JSD", False)) == {"come": 1.5, "knn": 1.5, "rctd": 3.0}
    assert ranks(found, Metric("pcc", "PCC")) == {"come": 2.5, "knn": 1.0, "rctd": 2.5}


def test_the_score_is_the_mean_of_ranks_from_one_to_one_over_n(rows):
    found = summaries(rows)
    assert accuracy(rows, found)["knn"] == pytest.approx(((4 - 1.5) / 3 + 1) / 2)
    assert accuracy(rows[:2], found[:1]) == {}


def test_imputed_genes_are_ranked_gene_by_gene():
    def genes(method, *pcc):
        row = cell(method, task="impute-genes", case="mop", pcc=0.5)
        each = {"ssim": 0.5, "rmse": 1.0, "js": 0.5}
        table = {f"g{i}": {"pcc": v, **each} for i, v in enumerate(pcc)}
        return {**row, "report": {"per_gene": table}}

    rows = [genes("a", 0.9, 0.9, 0.1), genes("b", 0.5, 0.5, 0.6)]
    score = accuracy(rows, summaries(rows))
    assert score["a"] > score["b"]


def test_the_table_shows_best_spread_and_what_has_no_figure(rows):
    text = Table(rows).markdown()
    assert "**.300** ± .141" in text
    assert "- embryo, PCC: Knn .950, the best of ours .800 (Come)." in text
    assert "- Tangram: failed: it ran out (embryo seed 0)" in text
    assert "embryo, JSD" not in text
    assert "| *failed* |" in text


def test_the_csv_has_a_row_for_each_cell(rows, tmp_path):
    Table(rows).write(tmp_path)
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[0].startswith("task,case,method,title,kind,seed,status,reason,")
    assert lines[1].startswith("deconvolve,embryo,come,Come,ours,0,done,")


def test_names_of_metrics_are_those_of_the_evaluations():
    assert [m.name for ms in METRICS.values() for m in ms if not m.higher]
    assert {number(v) for v in (0.5, 1.0, -0.25)} == {".500", "1.000", "−.250"}


def test_the_choice_stands_beside_the_best_and_the_worst_on_the_seeds_of_all():
    rows = [cell("auto,minutes=0", seed, jsd=v) for seed, v in enumerate((0.30, 0.32, 0.9))]
    rows += [cell("come", seed, jsd=v) for seed, v in enumerate((0.28, 0.30))]
    rows += [cell("knn", seed, kind="baseline", jsd=v) for seed, v in enumerate((0.5, 0.4, 0.1))]
    rows += [cell("rctd", seed, kind="peer", jsd=0.1) for seed in range(3)]
    other = [cell("auto", jsd=0.2, case="mpoa"), cell("come", jsd=0.25, case="mpoa")]
    assert chosen({"embryo": rows, "mpoa": other}).splitlines()[2:] == [
        "| embryo | .310 | .290 (Come) | .450 (Knn) | .020 | 2 |",
        "| mpoa | .200 | .250 (Come) | .250 (Come) | −.050 | 1 |",
    ]
    genes = {"task": "super-resolve", "pcc_gene": 0.6}
    ahead = [cell("auto", **genes), cell("srast", **{**genes, "pcc_gene": 0.7})]
    assert chosen({"mpoa": ahead}).endswith("| .600 | .700 (Srast) | .700 (Srast) | .100 | 1 |")
    assert chosen({"mpoa": ahead[1:]}) == ""
