"""Each part of COME reaches the mapping: the contrasts, labels, latents and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.methods.come.autoencoder import Autoencoder, latents
from napari_spatialrecon.methods.come.coefficients import Coefficients, cosine_start
from napari_spatialrecon.methods.come.config import (
    ComeGenesConfig,
    ComeMixturesConfig,
    ComePlaceConfig,
)
from napari_spatialrecon.methods.come.gene_mapping import GeneMappings
from napari_spatialrecon.methods.come.objective import Tables, learn_mapping
from napari_spatialrecon.methods.come.readout import entropies
from napari_spatialrecon.methods.run import Run

N_CELLS, N_SPOTS, N_GENES = 40, 15, 12
OFF = {
    f"weights.{name}": 0.0
    for name in ("reconstruction", "similarity", "cell_types", "cross", "gene_cosine")
}


@pytest.fixture(scope="module")
def tables():
    generator = torch.Generator().manual_seed(0)
    spots, cells = (torch.rand(n, N_GENES, generator=generator) for n in (N_SPOTS, N_CELLS))
    return Tables(spots, cells, labels=torch.arange(N_CELLS) % 3)


def learned(tables, config):
    """The change of C after a few steps of an objective."""
    start = cosine_start(tables.cells, tables.spots, over=config.over, temperature=0.1, kept=None)
    torch.manual_seed(0)
    network = Autoencoder(N_GENES, "small")
    made, _ = learn_mapping(start, network, tables, config, Run(), steps=4)
    return made.change.detach()


@pytest.mark.parametrize("contrast", ["cell_types", "cross"])
@pytest.mark.parametrize("config_class", [ComePlaceConfig, ComeGenesConfig, ComeMixturesConfig])
def test_a_contrast_moves_the_mapping_through_the_latents(tables, config_class, contrast):
    linked = config_class().with_values({**OFF, "weights.coefficient": 1.0})
    without = learned(tables, linked)
    with_it = learned(tables, linked.with_values({f"weights.{contrast}": 1.0}))
    assert not torch.equal(without, with_it)


@pytest.mark.parametrize("config_class", [ComeGenesConfig, ComeMixturesConfig])
@pytest.mark.parametrize("contrast", ["cell_types", "cross"])
def test_a_contrast_that_cannot_reach_the_mapping_is_refused(config_class, contrast):
    with pytest.raises(ConfigError, match="train the encoder, and nothing the mapping") as raised:
        config_class().with_values({f"weights.{contrast}": 1.0})
    assert "weights.coefficient" in str(raised.value)
    config_class().with_values({f"weights.{contrast}": 1.0, "weights.coefficient": 0.001})


def test_types_of_the_cells_change_the_mapping_of_genes(tables):
    config = ComeGenesConfig().with_values({"pretraining.steps": 5, "steps": 5})
    slide, cells = tables.spots.numpy(), tables.cells.numpy()

    def weights(labels):
        learner = GeneMappings(config, Run(), None, labels).of("eq. 11")
        return learner.average(slide, cells, 5, 1).weights

    own, unlabelled = weights(tables.labels), weights(None)
    assert not np.array_equal(own, unlabelled)
    assert not np.array_equal(own, weights(tables.labels.flip(0) // 2))


def test_a_start_of_latents_is_that_of_the_network(tables):
    def weights(seed, start):
        config = ComeGenesConfig().with_values({"start": start, "pretraining.steps": 5})
        learner = GeneMappings(config, Run(seed), None).of("gene cosines")
        return learner.average(tables.spots.numpy(), tables.cells.numpy(), 0, 1).weights

    assert not np.array_equal(weights(0, "latent"), weights(1, "latent"))
    np.testing.assert_array_equal(weights(0, "cosine"), weights(1, "cosine"))


def test_latents_are_z_scores_of_the_encoder(tables):
    network = Autoencoder(N_GENES, "small")
    (found,) = latents(network, tables.cells)
    h = network.encode(tables.cells).detach().numpy()
    live = h.std(axis=0) > 1e-6
    expected = (h - h.mean(axis=0))[:, live] / h.std(axis=0)[live]
    np.testing.assert_allclose(found.numpy()[:, live], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kept", [None, 30])
def test_a_cell_without_preference_has_as_many_effective_spots_as_the_matrix_holds(kept):
    generator = torch.Generator().manual_seed(0)
    cells, spots = (torch.randn(n, 5, generator=generator) for n in (6, 50))
    start = cosine_start(cells, spots, over="spots", temperature=0.1, kept=kept, constant=True)
    np.testing.assert_allclose(np.exp(entropies(Coefficients(start))), kept or 50)


def test_places_have_one_temperature_and_read_files_that_name_the_other():
    names = {o.name for o in ComePlaceConfig.options() if o.name.endswith("temperature")}
    assert names == {"baseline.temperature", "network.contrast_temperature"}
    assert ComePlaceConfig.from_dict({"temperature": 0.05, "steps": 7}).steps == 7
    with pytest.raises(ConfigError, match="found 'temperature'"):
        ComePlaceConfig().with_values({"temperature": 0.05})
