from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from napari_spatialrecon.demo_page import REAL
from napari_spatialrecon.methods.pages import FOLDER, method_brief, method_page, pages_folder
from napari_spatialrecon.methods.registry import METHODS, MethodInfo, find_method


@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.tasks[0]}-{info.name}")
def test_every_method_has_a_page(info: MethodInfo) -> None:
    assert method_page(info).startswith("#")


@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.tasks[0]}-{info.name}")
def test_every_method_says_first_what_it_assumes_needs_and_costs(info: MethodInfo) -> None:
    brief = method_brief(info)
    assert brief.startswith(f"# {info.title}\n\n{info.summary}")
    for word in ("Assumes", "Needs", "Costs", "Not when"):
        assert f"- **{word}** " in brief
    assert len(brief) < 1_500 and ".py" not in brief and "eq." not in brief


def test_a_page_about_several_methods_tells_them_apart() -> None:
    briefs = {method_brief(info) for info in METHODS if info.page == "baselines"}
    assert len(briefs) == sum(info.page == "baselines" for info in METHODS)
    gears = {method_brief(info) for info in METHODS if info.page == "gears"}
    assert len(gears) == 2


def test_baselines_share_a_page_and_each_begins_with_its_own_part() -> None:
    knn, ridge = (method_page(find_method(name, "place")) for name in ("knn", "ridge"))
    assert knn.startswith("# kNN") and ridge.startswith("# Ridge regression")
    assert "In short" not in knn and knn.partition("\n## ")[2] == ridge.partition("\n## ")[2]


@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.tasks[0]}-{info.name}")
def test_a_page_is_for_a_reader_of_results_and_leads_to_that_for_developers(
    info: MethodInfo,
) -> None:
    page, folder = method_page(info), pages_folder() / FOLDER
    assert ".py`" not in page and "eq. " not in page
    assert f"({info.page}-details.md)" in page and (folder / f"{info.page}-details.md").is_file()
    papers = info.page not in ("auto", "baselines")
    pictures = re.findall(r"!\[[^\]]{20,}\]\(([^)]+)\)", page)
    assert bool(pictures) >= papers and all((folder / name).is_file() for name in pictures)


def test_the_wheel_holds_every_picture_of_the_pages_that_the_window_opens() -> None:
    root = Path(__file__).parents[2]
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    included = wheel["targets"]["wheel"]["force-include"]
    pages = [root / name for name in included if name.endswith(".md")]
    pages += (root / "docs" / "methods").glob("*.md")
    needed = {f"docs/images/{REAL}"} | {
        str((page.parent / name).resolve().relative_to(root))
        for page in pages
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    assert needed == {name for name in included if name.startswith("docs/images/")}
    assert all(
        target == name.replace("docs", "napari_spatialrecon/pages", 1)
        for name, target in included.items()
    )


def test_a_method_without_a_page_says_what_its_class_does() -> None:
    location = "napari_spatialrecon.methods.ensemble.base:EnsembleMethod"
    info = MethodInfo("new", "New", ("place",), "Assumes little.", location, location)
    page = method_page(info)
    assert page.startswith("# New\n\nAssumes little.") and "join the layouts" in page
