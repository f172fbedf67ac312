"""Runs that may not fit the memory: said, and a smaller way that fits."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.tasks import memory
from napari_spatialrecon.tasks.memory import Need, approving, need_of, require_memory


def cost(method: Any) -> Estimate:
    return Estimate(1.0, {"dpvae": 9e9, "come": 7e9}.get(method.name, 2e9))


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 3e9)


def test_the_first_method_that_fits_is_offered_and_none_where_the_run_does() -> None:
    assert need_of("place", "knn", Estimate(1.0, 2e9), cost).smaller == ""
    need = need_of("place", "dpvae", Estimate(1.0, 9e9), cost)
    assert need.is_short and need.smaller == "gears" and need.smaller_needs == 2e9
    assert need.words == "about 9.0 GB of memory expected, 3.0 GB free"
    assert need_of("place", "gears", Estimate(1.0, 9e9), cost).smaller == "knn"


def test_one_that_refuses_its_own_estimate_is_not_offered() -> None:
    def picky(method: Any) -> Estimate:
        if method.name in ("gears", "knn"):
            raise InputError("too large")
        return cost(method)

    assert need_of("place", "come", Estimate(1.0, 7e9), picky).smaller == "ridge"


def test_nothing_that_fits_leaves_fewer_cells() -> None:
    need = need_of("place", "gears", Estimate(1.0, 9e9), lambda m: Estimate(1.0, 8e9))
    assert need.smaller == "" and "fewer cells" in need.offer


def test_python_warns_and_goes_on(monkeypatch: pytest.MonkeyPatch, tiny: Any) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 6e8)
    slides = {"a": tiny.slides[0]}
    settings = {"steps": 2}
    with pytest.warns(UserWarning, match=r'600 MB free\. Try method="gears"'):
        result = sr.place(slides, tiny.cells, method="come", settings=settings)
    assert result.adata.n_obs == tiny.cells.n_obs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sr.place(slides, tiny.cells, method="knn")


def test_the_smaller_way_of_a_check_passes_its_own_check(
    monkeypatch: pytest.MonkeyPatch, tiny: Any
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 6e8)
    need = sr.preflight({"a": tiny.slides[0]}, tiny.cells, method="come").memory
    again = sr.preflight({"a": tiny.slides[0]}, tiny.cells, method=need.smaller).memory
    assert need.is_short and not again.is_short
    assert again.needed == need.smaller_needs


def test_what_approves_decides_within_its_block_alone() -> None:
    asked: list[Need] = []
    with approving(asked.append):
        require_memory(Need(2.0, 1.0))
        require_memory(Need(1.0, 2.0))
    assert asked == [Need(2.0, 1.0)]
    with pytest.warns(UserWarning):
        require_memory(Need(2.0, 1.0))
