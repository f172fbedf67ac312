"""Runs of every task on a small tissue, written as the command line writes them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from anndata import AnnData

import napari_spatialrecon as sr


@pytest.fixture(scope="session")
def runs(tiny: Any, tmp_path_factory: Any) -> dict[str, Path]:
    """A file of each task beside its inputs; nothing may change them."""
    folder = tmp_path_factory.mktemp("runs")
    slide, cells = tiny.slides[0].copy(), tiny.cells.copy()
    for name, table in (("slide", slide), ("cells", cells)):
        table.write_h5ad(folder / f"{name}.h5ad")
    made = {
        "place": sr.place({"slide": slide}, cells, method="knn", query_name="cells.h5ad"),
        "deconvolve": sr.deconvolve(
            slide,
            cells,
            "cell_type",
            method="nnls",
            slide_name="slide.h5ad",
            reference_name="cells.h5ad",
        ),
        "impute-genes": sr.impute_genes(
            without_some(slide),
            cells,
            "missing",
            method="knn",
            slide_name="slide.h5ad",
            reference_name="cells.h5ad",
        ),
        "super-resolve": sr.super_resolve(
            slide, "7", method="uniform", genes=list(slide.var_names[:6]), name="slide.h5ad"
        ),
    }
    options = {
        "place": {"reference": [str(folder / "slide.h5ad")], "query": str(folder / "cells.h5ad")},
        "super-resolve": {"slide": str(folder / "slide.h5ad")},
    }
    both = {"slide": str(folder / "slide.h5ad"), "reference": str(folder / "cells.h5ad")}
    for task, result in made.items():
        result.record.settings |= options.get(task, both)
        result.record.settings["command"] = f"spatialrecon {task} --out {task}.h5ad"
        result.write(folder / f"{task}.h5ad")
    return {task: folder / f"{task}.h5ad" for task in made}


def without_some(slide: AnnData) -> AnnData:
    """Return a slide that lacks a few genes."""
    return slide[:, 4:].copy()


class Page(HTMLParser):
    """What stands in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        """Return its words."""
        body = re.sub(r"<style>.*?</style>|data:[^\"]+", "", self.html, flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.fixture(scope="session")
def pages(runs: dict[str, Path], tmp_path_factory: Any) -> dict[str, Page]:
    """The report of each run."""
    out = tmp_path_factory.mktemp("pages") / "page.html"
    return {task: Page(sr.report(path, out).read_text("utf-8")) for task, path in runs.items()}


@pytest.fixture
def page(tmp_path: Path) -> Any:
    """Write the report of runs and return what stands in it."""

    def write(*asked: Any, **more: Any) -> Page:
        out = sr.report([*asked], tmp_path / "page.html", **more)
        return Page(out.read_text(encoding="utf-8"))

    return write
