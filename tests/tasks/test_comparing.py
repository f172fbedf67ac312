from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.compared import _are_unique


def table(points: np.ndarray, um: float | None = 1.0, library: str = "") -> AnnData:
    rng = np.random.default_rng(1)
    adata = AnnData(
        X=rng.poisson(3.0, (len(points), 30)).astype(np.float32),
        obs=pd.DataFrame(index=[f"cell{i}" for i in range(len(points))]),
    )
    adata.obsm["spatial"] = points / (um or 1.0)
    adata.uns["spatialrecon"] = {"unit": "px", **({"um_per_unit": um} if um else {})}
    if library:
        adata.uns["spatial"] = {library: {}}
    return adata


@pytest.fixture
def tissue() -> np.ndarray:
    return np.random.default_rng(0).random((120, 2)) * [1000, 600]


def test_cells_are_matched_by_name_and_the_rest_is_counted(tissue: np.ndarray) -> None:
    moved = tissue + np.array([30, 40])
    moved[7] = np.nan
    second = table(moved, um=0.5)[np.random.default_rng(2).permutation(120)[:100]].copy()
    found = sr.compare(table(tissue), second)
    n = 99 if "cell7" in second.obs_names else 100
    assert len(found.obs_names) == n and found.only_first == 120 - n and found.only_second == 0
    np.testing.assert_allclose(found.distance, 50)
    assert found.unit == "um" and found.pose is None and not found.notes
    column = found.column(second)
    assert np.isnan(column[second.obs_names == "cell7"]).all()
    assert np.isfinite(column).sum() == n
    assert found.table().loc[found.obs_names[3], "distance"] == pytest.approx(50)
    assert "50 µm" in found.summary


def test_another_frame_is_fitted_rigidly_and_said(tissue: np.ndarray) -> None:
    turned = tissue @ [[0, 1], [1, 0]] * 1.0 + 5000
    found = sr.compare(table(tissue), table(turned))
    assert found.pose is not None and found.pose.reflected
    np.testing.assert_allclose(found.distance, 0, atol=1e-8)
    assert "another frame" in found.notes[0]
    grown = sr.compare(table(tissue), table(1.5 * turned))
    assert grown.pose is not None and grown.pose.scale == pytest.approx(1)
    assert grown.median > 50


def test_without_micrometres_the_second_is_scaled_too(tissue: np.ndarray) -> None:
    found = sr.compare(table(tissue), table(tissue * 1.3, um=None))
    np.testing.assert_allclose(found.distance, 0, atol=1e-8)
    assert found.unit == "um" and "scaled" in found.notes[0]
    plain = sr.compare(table(tissue, um=None), table(tissue + np.array([3, 4]), um=None))
    assert plain.unit == "px" and plain.pose is None and plain.median == pytest.approx(5)


def test_the_slide_that_both_name_decides_on_the_frame(tissue: np.ndarray) -> None:
    apart = sr.compare(table(tissue, library="C5"), table(tissue + 900, library="C5"))
    assert apart.pose is None and apart.median == pytest.approx(900 * 2**0.5)
    other = sr.compare(table(tissue, library="C5"), table(tissue + 10, library="C2"))
    assert other.pose is not None and other.median == pytest.approx(0, abs=1e-8)
    asked = sr.compare(
        table(tissue, library="C5"), table(tissue + 10, library="C2"), same_frame=True
    )
    assert asked.pose is None


def test_a_result_is_at_no_distance_from_itself(tissue: np.ndarray) -> None:
    one = table(tissue)
    found = sr.compare(one, one)
    assert found.median == found.p90 == 0
    np.testing.assert_allclose(np.nanmedian(found.distortion().area), 1)


def test_spots_that_only_share_their_numbers_are_doubted(tissue: np.ndarray) -> None:
    other = table(tissue)
    other.X = np.random.default_rng(9).poisson(3.0, other.shape).astype(np.float32)
    found = sr.compare(table(tissue), other)
    assert any("different cells" in note for note in found.notes)
    logged = table(tissue)
    logged.X = np.log1p(logged.X)
    assert not sr.compare(table(tissue), logged).notes


def test_what_cannot_be_compared_is_refused(tissue: np.ndarray) -> None:
    strangers = table(tissue)
    strangers.obs_names = [f"other{i}" for i in range(120)]
    with pytest.raises(InputError, match=r"found 0; .*'cell0' and 'other0'"):
        sr.compare(table(tissue), strangers, names=("GEARS", "kNN"))
    with pytest.raises(InputError, match="both place, found 0"):
        sr.compare(table(tissue), table(tissue * np.nan))
    bare = table(tissue)
    del bare.obsm["spatial"]
    with pytest.raises(InputError, match="Expected cell positions"):
        sr.compare(table(tissue), bare)
    twice = table(tissue)
    twice.obs_names = ["a"] * 120
    with pytest.raises(InputError, match="once"):
        sr.compare(twice, table(tissue))


def test_many_names_are_matched_and_checked_in_parts(
    tissue: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_spatialrecon.tasks.compared._PART", 50)
    same, turned = table(tissue), table(tissue + 5)[::-1].copy()
    assert (sr.compare(same, table(tissue + 5)).distance > 7).all()
    np.testing.assert_allclose(sr.compare(same, turned).distance, np.sqrt(50))
    turned.obs_names = [*turned.obs_names[:-1], turned.obs_names[0]]
    with pytest.raises(InputError, match="once"):
        sr.compare(same, turned)
    assert hash(-1) == hash(-2) and _are_unique(pd.Index([-1, -2, *range(60)], dtype=object))
