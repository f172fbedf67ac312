"""What speaks against the cell types that spots got."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from napari_spatialrecon.methods.mixtures.base import CellTypes, read_types
from napari_spatialrecon.tasks.deconvolving import deconvolve
from napari_spatialrecon.tasks.mixture_trust import (
    Support,
    marker_support,
    mixture_warnings,
)
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide

TYPES = ("A", "B", "C")
EVEN = CellTypes(TYPES, np.repeat(np.arange(3), 10))
WELL = [Support(0.8, 1.0)] * 3


@pytest.fixture(scope="module")
def tissue():
    """Slide and reference of three types with five markers each, and the true proportions."""
    rng = np.random.default_rng(0)
    profiles = np.full((3, 15), 1.0) + 20.0 * np.kron(np.eye(3), np.ones(5))
    codes = np.repeat(np.arange(3), 20)
    genes = [f"gene{i}" for i in range(15)]
    cells = AnnData(csr_matrix(rng.poisson(profiles[codes]).astype(np.float32)))
    cells.obs["type"] = np.array(TYPES)[codes]
    true = rng.dirichlet(np.ones(3), 40)
    slide = AnnData(csr_matrix(rng.poisson(5 * true @ profiles).astype(np.float32)))
    slide.obsm["spatial"] = np.stack(np.meshgrid(np.arange(8), np.arange(5)), -1).reshape(-1, 2)
    cells.var_names = slide.var_names = genes
    return slide, cells, true


def test_markers_bear_out_the_true_mixture_and_no_other(tissue):
    slide, cells, true = tissue
    spots, reference = prepare_slide(slide, "slide"), prepare_query(cells, "cells")
    types = read_types(reference.adata, "type", "cells")
    good = marker_support(spots, reference, types, true)
    assert all(s.follows > 0.8 and 0.7 < s.expressed < 1.4 and not s.is_weak for s in good)
    wrong = marker_support(spots, reference, types, true[:, [1, 0, 2]])
    assert [s.is_weak for s in wrong] == [True, True, False]
    assert good[1].markers and set(good[1].markers) <= {f"gene{i}" for i in range(5, 10)}
    (first, _), _ = mixture_warnings(types, true[:, [1, 0, 2]], wrong)
    assert "marker genes do not bear this out (correlation over the spots -" in first


def test_a_type_without_markers_of_its_own_is_followed_by_shared_ones_and_not_warned_of(tissue):
    slide, cells, true = tissue
    twins = cells.copy()
    twins.obs["type"] = [f"{t}{i % 2}" if t == "A" else t for i, t in enumerate(cells.obs["type"])]
    spots, reference = prepare_slide(slide, "slide"), prepare_query(twins, "cells")
    types = read_types(reference.adata, "type", "cells")
    assert types.names == ("A0", "A1", "B", "C")
    wrong = np.column_stack([true[:, 1], true[:, 0] / 2, true[:, 0] / 2, true[:, 2]])
    found = marker_support(spots, reference, types, wrong)
    assert [s.shared for s in found] == [True, True, False, False]
    assert set(found[0].markers) <= {f"gene{i}" for i in range(5)}
    assert found[0].follows < 0 < 0.8 < found[1].follows and not found[0].is_weak
    said, numbers = mixture_warnings(types, wrong, found)
    assert not any(text.startswith("A") for text in said)
    own = [s.follows for s in found[2:]]
    assert numbers["marker_agreement"] == pytest.approx(np.median(own))


def test_a_type_far_more_frequent_than_in_the_reference_is_warned_of():
    rare = CellTypes(TYPES, np.array([0] * 90 + [1] * 9 + [2]))
    warnings, _ = mixture_warnings(rare, np.tile([0.6, 0.2, 0.2], (10, 1)), WELL)
    assert len(warnings) == 1
    assert warnings[0].startswith("C: 20% of the tissue, but 1.0% of the reference's cells.")


def test_a_type_of_few_counts_is_warned_of():
    small = [WELL[0], WELL[1], Support(0.9, 1.0, size=0.2)]
    warnings, _ = mixture_warnings(EVEN, np.tile([0.4, 0.3, 0.3], (10, 1)), small)
    assert len(warnings) == 1 and "few counts in the reference (20% of the mean" in warnings[0]


def test_spots_of_a_single_type_are_warned_of():
    shares = np.tile([0.4, 0.3, 0.3], (20, 1))
    assert mixture_warnings(EVEN, shares, WELL) == (
        (),
        {"spots_of_one_type": 0.0, "marker_agreement": 0.8},
    )
    shares[:3] = [1.0, 0.0, 0.0]
    (warning,), numbers = mixture_warnings(EVEN, shares, WELL)
    assert warning.startswith("3 of 20 spots (15%) got a single type")
    assert numbers["spots_of_one_type"] == pytest.approx(0.15)


def test_warnings_reach_the_verdict_and_the_record(tissue):
    slide, cells, _ = tissue
    result = deconvolve(slide, cells, "type", method="nnls")
    assert result.record.to_dict()["warnings"] == [] and "most are" in result.verdict
    means = result.proportions.mean().sort_values(ascending=False)
    assert list(result.markers.index) == list(means.index)
    np.testing.assert_allclose(result.markers["share"], means)
    assert (result.markers["agreement"] > 0.8).all() and not result.markers["shared"].any()
    assert set(result.markers.loc["B", "markers"].split(", ")) == {f"gene{i}" for i in range(5, 10)}
    result.record.warnings = ["B: too much."]
    assert result.verdict.endswith("B: too much.")
