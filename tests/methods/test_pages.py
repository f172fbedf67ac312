from __future__ import annotations

import pytest

from napari_spatialrecon.methods.pages import method_brief, method_page
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


def test_baselines_share_a_page() -> None:
    assert method_page(find_method("knn", "place")) == method_page(find_method("ridge", "place"))


def test_a_method_without_a_page_says_what_its_class_does() -> None:
    location = "napari_spatialrecon.methods.ensemble.base:EnsembleMethod"
    info = MethodInfo("new", "New", ("place",), "Assumes little.", location, location)
    page = method_page(info)
    assert page.startswith("# New\n\nAssumes little.") and "join the layouts" in page
