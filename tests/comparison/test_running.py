"""A comparison: its cells, what becomes of those that fail, and going on after a stop."""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.comparison import running
from napari_spatialrecon.comparison.cases.own import OwnFiles
from napari_spatialrecon.comparison.cell import Cell
from napari_spatialrecon.comparison.contestants import contestants
from napari_spatialrecon.comparison.process import Court
from napari_spatialrecon.errors import InputError, Stopped

STUBS = Path(__file__).parent


def stub(name: str) -> str:
    return f"comparison_stubs.adapters:{name}"


@pytest.fixture(scope="module")
def files(tiny, tmp_path_factory):
    """A slide, cells without places, and their places in a table of their own."""
    folder = tmp_path_factory.mktemp("inputs")
    tiny.slides[0].write_h5ad(folder / "slide.h5ad")
    cells = tiny.cells[:60].copy()
    cells.write_h5ad(folder / "cells.h5ad")
    truth = ad.AnnData(obs=cells.obs[[]].copy())
    truth.obsm["spatial"] = tiny.truth[["x", "y"]].to_numpy(float)[:60]
    truth.write_h5ad(folder / "truth.h5ad")
    package = folder / "comparison_stubs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "adapters.py").write_text((STUBS / "adapters.py").read_text())
    return folder


@pytest.fixture(scope="module")
def own(files):
    return {
        "task": "place",
        "reference": [str(files / "slide.h5ad")],
        "query": str(files / "cells.h5ad"),
        "truth": str(files / "truth.h5ad"),
    }


@pytest.fixture(scope="module", autouse=True)
def court(files, tmp_path_factory):
    """The processes of all comparisons here, started once, since that takes seconds."""
    with pytest.MonkeyPatch.context() as patch, Court(tmp_path_factory.mktemp("court")) as court:
        patch.syspath_prepend(str(files))
        patch.setenv("PYTHONPATH", f"{files}:{Path(sr.__file__).parents[1]}")
        patch.setenv("RAN", str(files / "ran.txt"))
        patch.setattr(running, "Court", lambda folder: nullcontext(court))
        yield court


@pytest.fixture(scope="module")
def compared(court, files, own, tmp_path_factory):
    """A comparison with tools that fail in every way, beside one that does not."""
    out, ran = tmp_path_factory.mktemp("compared"), files / "ran.txt"
    names = ("Raises", "Killed", "Exhausted", "Misshapen", "Hungry", "Center")
    asked = {"own": own, "seeds": [0], "memory": 1.6, "pictures": False}
    methods = [*map(stub, names), "knn", "absent.tools:Gone"]
    sr.benchmark(out, **asked, methods=[stub("Slow")], minutes=0.01)
    methods.append(stub("Slow"))
    table = sr.benchmark(out, **asked, methods=methods)
    before = ran.read_text()
    again = sr.benchmark(out, **{**asked, "pictures": True}, methods=methods)
    return {"out": out, "rows": by_name(table), "again": again, "ran": (before, ran.read_text())}


def by_name(table):
    return {row["title"]: row for row in table.rows}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Raises", "KeyError: 'no such gene"),
        ("Killed", "killed by the operating system; it probably ran out of memory"),
        ("Exhausted", "it ran out of memory"),
        ("Misshapen", "its result could not be scored"),
        ("Hungry", "needs more than the 1.6 GB of memory allowed"),
        ("Slow", "takes longer than the"),
    ],
)
def test_a_tool_that_fails_is_a_cell_with_its_reason(compared, name, reason):
    row = compared["rows"][name]
    assert row["status"] == "failed"
    assert row["reason"].startswith(reason)
    assert reason.partition(":")[0] in compared["again"].markdown()


def test_a_tool_that_is_not_installed_is_a_cell_with_its_reason(compared):
    row = compared["rows"]["Gone"]
    assert (row["status"], row["reason"]) == ("not installed", "absent is not installed")


def test_the_table_goes_on_after_cells_that_fail(compared):
    for name in ("Center", "kNN"):
        row = compared["rows"][name]
        assert row["status"] == "done"
        assert row["seconds"] > 0 and row["peak_memory_bytes"] > 1e7
    good, bad = (compared["rows"][n]["metrics"]["spearman"] for n in ("kNN", "Center"))
    assert good > bad + 0.2


def test_versions_settings_and_seed_are_recorded(compared):
    stored = json.loads(next(compared["out"].rglob("knn.seed0.json")).read_text())
    assert stored["settings"] == {"preset": "quick", "values": [], "seed": 0}
    assert "numpy" in stored["versions"]


def test_a_finished_cell_is_not_run_again(compared):
    before, after = compared["ran"]
    assert before == "Center 0\n"
    assert after == before
    assert by_name(compared["again"])["Center"] == {
        **json.loads(json.dumps(compared["rows"]["Center"]))
    }


def test_a_table_and_pictures_are_written(compared):
    out = compared["out"]
    assert len((out / "table.csv").read_text().splitlines()) == 1 + len(compared["rows"])
    assert "accuracy score" in (out / "table.md").read_text()
    names = {path.name for path in (out / "pictures").rglob("*.png")}
    kinds = ("metrics", "distances", "curves", "distortion", "reliability")
    assert names == {f"mine.{kind}.png" for kind in kinds}


def test_no_input_of_a_method_holds_the_answer(compared, files):
    true = np.asarray(ad.read_h5ad(files / "truth.h5ad").obsm["spatial"])
    part = compared["out"] / "cases" / "place" / "mine" / "part0"
    stored = json.loads((part / "part.json").read_text())["tables"]
    query = ad.read_h5ad(part / stored["query"])
    assert not query.obsm and "spatial" not in query.uns
    for column in query.obs.select_dtypes("number"):
        for axis in true.T:
            assert abs(np.corrcoef(query.obs[column], axis)[0, 1]) < 0.5
    request = json.loads(next(compared["out"].rglob("knn.seed0/request.json")).read_text())
    assert request["part"] == str(part)
    assert "truth" not in json.dumps({k: request[k] for k in ("part", "out")})


def test_another_answer_leaves_what_a_method_is_given_as_it_was(own, files, tmp_path):
    truth = ad.read_h5ad(files / "truth.h5ad")
    truth.obsm["spatial"] = truth.obsm["spatial"][::-1].copy()
    truth.write_h5ad(tmp_path / "other.h5ad")
    told = [own, {**own, "truth": str(tmp_path / "other.h5ad")}]
    for number, one in enumerate(told):
        OwnFiles.from_dict(one).problem().write(tmp_path / str(number))
    given, answers = (
        [sorted((tmp_path / n).glob(pattern)) for n in "01"]
        for pattern in ("part0/*", "truth/*.h5ad")
    )
    assert [p.read_bytes() for p in given[0]] == [p.read_bytes() for p in given[1]]
    assert answers[0][0].read_bytes() != answers[1][0].read_bytes()


def test_files_other_than_those_of_a_case_are_refused(own, files, compared):
    other = {**own, "truth": own["query"]}
    with pytest.raises(InputError, match="Expected the files that place/mine was made of"):
        sr.benchmark(compared["out"], own=other, methods=["knn"], seeds=[0])


def test_inputs_that_changed_make_a_cell_run_again(tmp_path):
    cell = Cell(tmp_path, "place/mine", contestants("place", ["knn"])[0], 0)
    cell.path.parent.mkdir(parents=True)
    cell.path.write_text(json.dumps({"inputs": "abc", "status": "done"}))
    assert cell.kept("abc") is not None
    assert cell.kept("abd") is None
    cell.path.write_text('{"inputs": "ab')
    assert cell.kept() is None


def test_nothing_to_compare_is_said(tmp_path):
    with pytest.raises(InputError, match="Expected cases or files of your own"):
        sr.benchmark(tmp_path)
    with pytest.raises(InputError, match="Expected a method or another tool, found 'gaers'"):
        sr.benchmark(tmp_path, cases=["place"], methods=["gaers"])
    with pytest.raises(InputError, match="Expected a case or a task, found 'her3'"):
        sr.benchmark(tmp_path, cases=["her3"])
    with pytest.raises(InputError, match="Expected the folder of data"):
        sr.benchmark(tmp_path, cases=["place/her2-23-5"], methods=["knn"])


def test_a_stop_keeps_what_is_finished(own, tmp_path):
    stop, told = threading.Event(), []

    def tell(line: str) -> None:
        told.append(line)
        threading.Timer(0.5, stop.set).start()

    asked = {"own": own, "methods": [stub("Center"), stub("Slow")], "seeds": [0]}
    with pytest.raises(Stopped):
        sr.benchmark(tmp_path, **asked, tell=tell, should_stop=stop.is_set)
    assert len(told) == 1
    assert [path.name for path in tmp_path.rglob("*.seed0.json")] == [
        "comparison_stubs.adapters_Center.seed0.json"
    ]
    table = sr.benchmark(tmp_path, **asked, dry=True, pictures=False)
    assert "Slow: not run (mine seed 0)" in table.markdown()
