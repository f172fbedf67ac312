"""The flow is adapted to the slide at hand, as far as the slide has to say something."""

from __future__ import annotations

from itertools import chain, repeat

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import CheckpointError, InputError
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.methods.srast.learning import FlowTask
from napari_spatialrecon.methods.srast.model import SRast, generalist
from napari_spatialrecon.methods.super_resolution.base import SplitSizes
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tasks.super_training import train_super_resolution

FAST = {"adapt.steps": 8, "sasa.training.steps": 3, "sasa.hidden": 16}


def slide(side: int = 24, n_genes: int = 12) -> AnnData:
    y, x = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    points = np.c_[x.ravel(), y.ravel()].astype(float)
    rate = 1 + 4 * (points[:, :1] > side / 2) * (np.arange(n_genes) % 2)
    counts = np.random.default_rng(0).poisson(rate).astype(np.float32)
    return AnnData(sparse.csr_matrix(counts), obsm={"spatial": points})


def moved(monkeypatch: pytest.MonkeyPatch, pool: int, errors: tuple[float, float]) -> float:
    """Return how far the weights went, told what the held-out errors were."""
    told = chain(errors[:1], repeat(errors[1]))
    monkeypatch.setattr(FlowTask, "held_out", lambda self: {"held_out": next(told)})
    values = {**FAST, "pool": pool}
    solver = super_resolve(slide(), config=SRastConfig().with_values(values), device="cpu").method
    assert isinstance(solver, SRast)
    start = generalist().network
    assert start is not None
    pairs = zip(solver.fitted.velocity.parameters(), start.parameters(), strict=True)
    with torch.no_grad():
        return float(sum(((a - b) ** 2).sum() for a, b in pairs)) ** 0.5


def test_a_slide_that_fills_less_of_the_pool_moves_the_weights_less(monkeypatch) -> None:
    full, tenth = (moved(monkeypatch, pool, (1.0, 0.5)) for pool in (4_000, 200_000))
    assert 0 < tenth < 0.2 * full


def test_what_does_not_help_held_out_blocks_is_not_kept(monkeypatch) -> None:
    assert moved(monkeypatch, 4_000, (0.5, 1.0)) == 0


def test_weights_that_see_something_else_are_refused(tmp_path) -> None:
    model = generalist()
    assert model.network is not None
    model.network.project = torch.nn.Linear(model.network.project.in_features - 1, 32)
    model.save(tmp_path / "older")
    with pytest.raises(CheckpointError, match="this version's network"):
        SRast.load(tmp_path / "older")


@pytest.mark.parametrize("adapt", [False, True])
def test_parts_that_face_the_end_of_the_tissue_get_less_than_by_interpolation(adapt) -> None:
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(np.arange(48), np.arange(48), indexing="ij")
    inside = np.hypot(x - 23.5, y - 23.5) < 21
    fine = rng.poisson(3.0, (48, 48, 8)) * inside[..., None]
    coarse = fine.reshape(24, 2, 24, 2, 8).sum(axis=(1, 3)).reshape(576, 8)
    points = np.c_[np.arange(576) % 24, np.arange(576) // 24] + 0.0
    filled = coarse.sum(axis=1) > 0
    spots = AnnData(
        sparse.csr_matrix(coarse[filled].astype(np.float32)), obsm={"spatial": points[filled]}
    )
    config = SRastConfig().with_values({**FAST, "coarse_pair": adapt})
    outside = []
    for asked in ({"config": config}, {"method": "bilinear"}):
        found = super_resolve(spots, device="cpu", **asked).adata
        column, row = np.rint(found.obsm["spatial"] * 2 + 0.5).astype(int).T
        total = np.asarray(found.X.sum(axis=1)).ravel()
        there = inside[row, column]
        outside.append(total[~there].mean() / total[there].mean())
    assert outside[0] < 0.85 * outside[1]


def test_settings_of_another_network_ask_for_a_model_trained_with_them(tmp_path) -> None:
    """The paper's network is not the one in the package: it is not used in its place."""
    paper = SRastConfig().preset("paper")
    sizes = SplitSizes(spots=64, parts=4, genes=12, measured=12, filled=700)
    assert "hidden 256, depth 4" in SRast(paper).estimate(sizes).notes[0]
    assert not SRast().estimate(sizes).notes
    with pytest.raises(InputError, match=r"hidden 256, depth 4.*hidden 32, depth 2"):
        super_resolve(slide(), config=paper, device="cpu")
    small = SRastConfig().with_values({**FAST, "hidden": 8, "heads": 2, "training.steps": 2})
    train_super_resolution({"one": slide()}, config=small)[0].save(tmp_path / "model")
    found = super_resolve(slide(), settings=FAST, model=tmp_path / "model", device="cpu")
    assert found.record.config["hidden"] == 8
