"""Stated errors beside those found: what is compared, in which unit and frame."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_spatialrecon.comparison import stated_errors
from napari_spatialrecon.comparison.stated_errors import Bound
from napari_spatialrecon.comparison.stated_pictures import stated_and_found

N = 400


def table(names, unit=None, **obsm):
    made = ad.AnnData(obs=pd.DataFrame(index=names), obsm=obsm)
    if unit is not None:
        made.uns["spatialrecon"] = {"um_per_unit": unit}
    return made


@pytest.fixture(scope="module")
def cells():
    """True places, and places off by what is stated: half of the errors below it, 90% below 2."""
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(N)]
    true = rng.uniform(0, 1000, (N, 2))
    stated = rng.uniform(5, 50, N)
    far = np.where(np.arange(N) % 2, 0.8, 1.25) * stated
    far[::10] = 3 * stated[::10]
    turn = rng.uniform(0, 2 * np.pi, N)
    made = true + far[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    found = table(names, 0.5, spatial=made / 0.5)
    found.obs["expected_error"] = stated / 0.5
    found.obs["placement_uncertainty"] = 2 * stated / 0.5
    return table(names, 2.0, spatial=true / 2.0), found[::-1].copy()


def test_errors_of_places_are_in_micrometres_whatever_the_units(cells):
    bounds, unit = stated_errors.of_places(*cells, same_frame=True)
    assert unit == "µm"
    assert [bound.name for bound in bounds] == ["expected error", "90% radius"]
    assert [bound.within for bound in bounds] == pytest.approx([0.5, 0.9], abs=0.001)
    deciles = bounds[0].deciles()
    assert (np.diff(deciles[:, 0]) > 0).all() and 5 < deciles[0, 0] < deciles[-1, 0] < 50
    assert np.abs(deciles[:, 1] / deciles[:, 0] - 1).max() < 0.4


def test_places_in_another_frame_are_moved_there_but_not_scaled(cells):
    truth, made = cells
    moved = made.copy()
    moved.obsm["spatial"] = made.obsm["spatial"] @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + 5000
    bounds, _ = stated_errors.of_places(truth, moved, same_frame=False)
    assert bounds[1].within == pytest.approx(0.9, abs=0.02)
    moved.obsm["spatial"] = 1.5 * moved.obsm["spatial"]
    bounds, _ = stated_errors.of_places(truth, moved, same_frame=False)
    assert bounds[1].within < 0.4


def test_an_unknown_scale_is_said_and_units_are_not_mixed(cells):
    truth, made = cells
    bare = table(truth.obs_names, spatial=np.asarray(truth.obsm["spatial"]) * 4)  # made's unit
    bounds, unit = stated_errors.of_places(bare, made, same_frame=True)
    assert unit == "unit of the slide"
    assert bounds[1].within == pytest.approx(0.9, abs=0.001)


def test_intervals_of_shares_hold_the_truth_as_often_as_is_told():
    rng = np.random.default_rng(1)
    names, types = [f"s{i}" for i in range(60)], ["a/b", "c", "d"]
    true = pd.DataFrame(rng.dirichlet(np.ones(3), 60), names, types)
    low, high = true - 0.1, true + 0.2
    low.iloc[:6] += 0.15  # of these 18 shares the truth lies below the interval
    lower, upper = (t.rename(columns={"a/b": "a_b"}).iloc[::-1] for t in (low, high))
    made = table(names[::-1], proportions_lower=lower, proportions_upper=upper)
    (bound,) = stated_errors.of_mixtures(table(names, proportions=true), made)
    assert bound.within == pytest.approx(0.9)
    assert not stated_errors.of_mixtures(table(names, proportions=true), table(names))


def test_spreads_of_genes_of_all_folds_are_doubled():
    rng = np.random.default_rng(2)
    names = [f"s{i}" for i in range(40)]
    truth = ad.AnnData(
        rng.normal(5, 1, (40, 4)), pd.DataFrame(index=names), pd.DataFrame(index=list("wxyz"))
    )
    folds = []
    for genes in ("wx", "yz"):
        made = truth[:, list(genes)].copy()
        made.layers["imputed_std"] = np.full(made.shape, 0.5)
        made.X = made.X + np.where(np.arange(40)[:, None] % 20, 0.9, 1.1)
        folds.append(made)
    (bound,) = stated_errors.of_genes(truth, folds)
    assert len(bound.found) == 160
    assert bound.within == pytest.approx(0.95)
    assert not stated_errors.of_genes(truth, [truth])


def test_spreads_of_parts_are_read_where_the_spot_had_counts():
    places = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    values = np.full((100, 2), 4.0)
    values[::2, 1] = 0
    truth = ad.AnnData(values + 1, obsm={"spatial": places})
    made = ad.AnnData(values, obsm={"spatial": places + 0.1})
    assert not stated_errors.of_parts(truth, made)
    made.layers["spread"] = np.where(np.arange(100)[:, None] % 4, 0.6, 0.4) * (values > 0)
    (bound,) = stated_errors.of_parts(truth, made)
    assert len(bound.found) == 150
    assert bound.within == pytest.approx(125 / 150)


def test_each_bound_is_a_line_and_the_share_below_it_is_told(cells):
    bounds, unit = stated_errors.of_places(*cells, same_frame=True)
    figure = stated_and_found({"kNN": bounds, "GEARS": bounds[1:]}, "her2", unit)
    panels = figure.axes
    assert [len(ax.lines) for ax in panels] == [3, 2]
    assert panels[1].lines[1].get_color() == panels[0].lines[2].get_color() != "#0072B2"
    assert panels[0].get_title("left") == "kNN\nsmaller than stated: 50% and 90%"
    assert panels[1].get_xlabel() == "stated (µm)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "expected error: 50% of errors should be smaller",
        "90% radius: 90% of errors should be smaller",
    ]


def test_too_few_errors_or_none_stated_are_not_drawn():
    assert not stated_errors._bound("b", 0.9, np.ones(10), np.ones(10))
    assert not stated_errors._bound("b", 0.9, np.zeros(100), np.ones(100))
    assert isinstance(stated_errors._bound("b", 0.9, np.ones(100), np.ones(100))[0], Bound)
