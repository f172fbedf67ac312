"""The autoencoder shared by spots and cells (section 2.2 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from napari_spatialrecon.methods.come.config import ComeConfig
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.training.history import History

#: Hidden units and latent dimensions in the published code.
SIZES = {"small": (256, 128), "medium": (512, 256), "large": (2048, 256)}
#: Maximum number of genes for each of the two smaller networks.
SMALL_PANEL, MEDIUM_PANEL = 400, 1000
#: Rows per pretraining step, and share of rows held out for early stopping.
BATCH, HELD_OUT = 256, 0.1


def network_sizes(n_genes: int, size: str) -> tuple[int, int]:
    """Return hidden units and latent dimensions for a panel with this many genes."""
    if size != "panel":
        return SIZES[size]
    small, medium = n_genes <= SMALL_PANEL, n_genes <= MEDIUM_PANEL
    return SIZES["small" if small else "medium" if medium else "large"]


class Autoencoder(nn.Module):
    """Encoder E and decoder D: from K genes through hidden units to the latent and back.

    The output is a sigmoid, so inputs must be scaled to [0, 1] per gene.

    Parameters
    ----------
    n_genes
        K, the number of shared genes.
    size
        A key of `SIZES`, or ``panel``.
    """

    def __init__(self, n_genes: int, size: str = "panel") -> None:
        super().__init__()
        hidden, latent = network_sizes(n_genes, size)
        self.encoder = nn.Sequential(
            nn.Linear(n_genes, hidden), nn.ReLU(), nn.Linear(hidden, latent), nn.ReLU()
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, n_genes), nn.Sigmoid()
        )

    def encode(self, expression: Tensor) -> Tensor:
        """Return latents H = E(X), (n, latent)."""
        latent: Tensor = self.encoder(expression)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Return expression D(H), (n, n_genes) in [0, 1]."""
        expression: Tensor = self.decoder(latent)
        return expression


class _Pretraining:
    """Reconstruction of rows of both tables (eq. 2), with a tenth of them held out."""

    def __init__(self, network: Autoencoder, rows: Tensor, seed: int) -> None:
        self.module: nn.Module = network
        self.network = network
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        count = max(1, round(HELD_OUT * len(rows))) if len(rows) > 1 else 0
        self.hidden, self.rows = rows[order[:count]], rows[order[count:]]

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        n, device = len(self.rows), self.rows.device
        chosen = torch.randint(n, (min(BATCH, n),), generator=generator, device=device)
        rows = self.rows[chosen]
        loss = ((self.network.decode(self.network.encode(rows)) - rows) ** 2).mean()
        return loss, {"reconstruction": loss.detach()}

    def held_out(self) -> Mapping[str, float] | None:
        if not len(self.hidden):
            return None
        decoded = self.network.decode(self.network.encode(self.hidden))
        return {"held_out": float(((decoded - self.hidden) ** 2).mean())}


@torch.no_grad()
def latents(network: Autoencoder, *tables: Tensor) -> list[Tensor]:
    """Return the latents of each table as z-scores within it, to compare cells with spots.

    Parameters
    ----------
    tables : (n, n_genes) in [0, 1]

    Returns
    -------
    list of (n, latent) float32
    """
    device = next(network.parameters()).device
    found = (network.encode(table.to(device)).cpu().numpy() for table in tables)
    return [torch.from_numpy(standardised(values)) for values in found]


def pretrain(
    spots: Tensor,
    cells: Tensor | None,
    config: ComeConfig,
    run: Run,
) -> tuple[Autoencoder, History]:
    """Train only the autoencoder, on the rows of spots and cells.

    Parameters
    ----------
    spots : (n_spots, n_genes) in [0, 1]
    cells : (n_cells, n_genes) in [0, 1], or None

    Raises
    ------
    Stopped
        The user stopped the run; its folder can be resumed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = Autoencoder(spots.shape[1], config.network.size).to(run.device)
    rows = spots if cells is None else torch.cat([spots, cells])
    task = _Pretraining(network, rows.to(run.device), run.seed)
    return network, run.train(task, config.pretraining, "Training the autoencoder")
