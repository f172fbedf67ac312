from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path
from typing import Any

import anndata
import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.report.run import runs_of

TASKS = ("place", "deconvolve", "impute-genes", "super-resolve")
PARTS = ("asked", "validation", "caveats", "map", "uncertainty", "inputs", "method", "settings")
REST = ("paragraph", "repeat", "versions")


@pytest.mark.parametrize("task", TASKS)
def test_a_run_is_told_in_all_its_parts(task: str, pages: dict[str, Any]) -> None:
    found = pages[task]
    ids = {attributes.get("id") for _, attributes in found.tags}
    assert {f"run-1-{part}" for part in (*PARTS, *REST)} <= ids
    for link in found.all("a"):
        assert str(link["href"]).removeprefix("#") in ids
    assert f"spatialrecon {task}" in found.text
    assert len(found.html) < 5_000_000


@pytest.mark.parametrize("task", TASKS)
def test_a_page_asks_the_net_for_nothing(task: str, pages: dict[str, Any]) -> None:
    found = pages[task]
    assert not [tag for tag, _ in found.tags if tag in ("script", "link", "iframe", "object")]
    sources = [a[key] for _, a in found.tags for key in ("src", "href", "srcset") if key in a]
    assert sources and all(str(s).startswith(("data:image/", "#")) for s in sources)
    assert "url(" not in found.html and "@import" not in found.html
    assert any("default-src 'none'" in str(meta.get("content")) for meta in found.all("meta"))


@pytest.mark.parametrize("task", TASKS)
def test_who_does_not_see_pictures_is_told_what_they_show(task: str, pages: dict[str, Any]) -> None:
    found = pages[task]
    pictures = found.all("img")
    assert len(pictures) >= 1 and all(len(str(one["alt"])) > 20 for one in pictures)
    assert found.all("html")[0]["lang"] == "en" and len(found.all("h1")) == 1
    headings = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(headings))
    assert all(one.get("scope") in ("col", "row") for one in found.all("th"))
    captions = len(found.all("caption"))
    assert captions == len(found.all("table")) > 0


def test_many_runs_are_rows_that_lead_to_their_reports(runs: dict[str, Path], page: Any) -> None:
    found = page(runs["place"].parent, title="All of them")
    ids = {attributes.get("id") for _, attributes in found.tags}
    links = {str(link["href"]).removeprefix("#") for link in found.all("a")}
    assert {"all", "run-1", "run-2", "run-3", "run-4"} <= ids & links
    assert len([i for _, a in found.tags if (i := a.get("id"))]) == len(ids - {None})
    assert len(found.html) < 5_000_000 and "All of them" in found.text


def test_a_record_stands_for_its_table(runs: dict[str, Path]) -> None:
    (run,) = runs_of([runs["place"].with_suffix(".run.json")])
    assert run.path == runs["place"] and run.name == "place"


def test_a_result_in_memory_has_a_report_too(tiny: Any, page: Any) -> None:
    result = sr.place({"one": tiny.slides[0]}, tiny.cells, method="ridge")
    found = page(result)
    assert "Ridge regression" in found.text and "SLIDE" not in found.text
    assert "--reference REFERENCE" in found.text and "not found" in found.text


def test_names_are_shown_and_never_run(runs: dict[str, Path], page: Any, tmp_path: Path) -> None:
    adata = anndata.read_h5ad(runs["place"])
    adata.obs = adata.obs.rename(columns={"cell_type": "<script>cell type"})
    path = tmp_path / "<script>bold & {{ 7 * 7 }}.h5ad"
    adata.write_h5ad(path)
    shutil.copy(runs["place"].with_suffix(".run.json"), path.with_suffix(".run.json"))
    found = page(path)
    assert not found.all("script")
    assert "colored by &lt;script&gt;cell type" in found.html
    assert "<h1>&lt;script&gt;bold &amp; {{ 7 * 7 }}</h1>" in found.html


def test_it_is_whole_or_not_there(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "page.html"
    out.write_text("before")
    with pytest.raises(InputError):
        sr.report([runs["place"], tmp_path / "none.h5ad"], out)
    with pytest.raises(Stopped):
        sr.report(runs["place"], out, should_stop=lambda: True)
    assert out.read_text() == "before" and [*tmp_path.iterdir()] == [out]


def test_what_is_no_run_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    for found, path in (
        ("a table that no run made", runs["place"].parent / "slide.h5ad"),
        ("found none", tmp_path),
    ):
        with pytest.raises(InputError, match=found):
            sr.report(path, out)
    with pytest.raises(InputError, match="found none"):
        sr.report([], out)
    alone = tmp_path / "gone.run.json"
    shutil.copy(runs["place"].with_suffix(".run.json"), alone)
    with pytest.raises(InputError, match="the table of this run"):
        sr.report(alone, out)
    assert not out.exists()


def test_a_validation_beside_a_run_is_shown_and_none_of_other_inputs(
    runs: dict[str, Path], page: Any, tiny: Any, tmp_path: Path
) -> None:
    for path in (runs["place"], runs["place"].with_suffix(".run.json")):
        shutil.copy(path, tmp_path)
    own = sr.validate("place", references={"slide": tiny.slides[0].copy()}, method="knn")
    own.save(tmp_path / "placed.validation")
    other = sr.validate("place", references={"slide": tiny.slides[1].copy()}, method="ridge")
    other.save(tmp_path / "other.validation")
    broken = tmp_path / "broken.validation"
    broken.mkdir()
    (broken / "validation.json").write_text("{")
    found = page(tmp_path / "place.h5ad", check=False)
    assert own.verdict in found.text and other.verdict not in found.text
    assert "placed.validation: held out were 18 spots of slide" in found.text
    assert "broken.validation cannot be read" in found.text
    assert "run-1-validated" in {attributes.get("id") for _, attributes in found.tags}
    assert any(own.verdict in str(image.get("alt")) for image in found.all("img"))
