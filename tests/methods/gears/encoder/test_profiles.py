"""Log expression of several sources, standardised as the feature space does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_spatialrecon.methods.gears.encoder.profiles import Profiles
from napari_spatialrecon.tissue.preprocess import fit_features
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"components": 0},
        {"zscore": "reference"},
        {"zscore": "none"},
        {"gene_weights": "none", "depth": "fixed", "top_genes": 40},
    ],
)
def test_without_augmentation_the_input_is_the_feature_space_s(slides, cells, values):
    config = PreprocessConfig(**values)
    space, _, _ = fit_features(slides, cells, config)
    profiles = Profiles.of([*slides, cells], space, "cpu")
    found = profiles.inputs(profiles.logs, profiles.domains).numpy()
    expected = np.concatenate([space.transform(t)[0] for t in (*slides, cells)])
    assert found.shape == (len(expected), profiles.n_inputs)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_sources_are_numbered_and_the_query_is_the_last(slides, cells):
    space, _, _ = fit_features(slides, cells, PreprocessConfig())
    profiles = Profiles.of([*slides, cells], space, "cpu")
    sizes = [t.adata.n_obs for t in (*slides, cells)]
    assert profiles.n_domains == 3
    np.testing.assert_array_equal(torch.bincount(profiles.domains), sizes)
    assert (profiles.domains.diff() >= 0).all()


def test_logs_are_log_counts_at_the_query_s_depth(slides, cells):
    space, _, _ = fit_features(slides, cells, PreprocessConfig())
    profiles = Profiles.of([cells], space, "cpu")
    totals = torch.expm1(profiles.logs.double()).sum(dim=1)
    torch.testing.assert_close(totals, torch.full_like(totals, space.depth), rtol=1e-4, atol=0)
