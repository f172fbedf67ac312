"""Training an encoder on its own, to inspect, save and reuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon import provenance
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.encoders.base import EncoderMethod
from napari_spatialrecon.methods.encoders.mixing import balanced_rows
from napari_spatialrecon.methods.registry import default_for, find_method
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks import resuming
from napari_spatialrecon.tasks.configs import Settings, chosen_config
from napari_spatialrecon.tasks.placing_run import prepare_slides
from napari_spatialrecon.tasks.writing import write_model
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.training.device import choose_device

#: Slots of the result's table: what the encoder sees, and what it makes of it.
INPUT, EMBEDDING = "X_input", "X_encoder"
#: Column with the slide, or the cells, that a profile is of.
SOURCE = "source"
#: Columns with more names than this say who a cell is, not of what kind.
MOST_KINDS = 48
#: Profiles of a source in a picture.
MOST_DRAWN = 1500


@dataclass(frozen=True)
class EncoderResult:
    """Result of `train_encoder`.

    Parameters
    ----------
    adata
        All profiles without genes: ``obs["source"]`` and columns of kinds, ``obsm["X_input"]``
        before the encoder and ``obsm["X_encoder"]`` after it.
    encoder
        The fitted encoder.
    record
        The run.
    notes
        Messages for the user.
    """

    adata: AnnData
    encoder: EncoderMethod
    record: provenance.RunRecord
    notes: tuple[str, ...] = field(default=())

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write the encoder's folder with the record in it; return both."""
        return write_model(folder, self.encoder, self.record)

    @property
    def verdict(self) -> str:
        """Summary of how well sources are mixed."""
        return verdict(self.encoder)


def verdict(encoder: EncoderMethod) -> str:
    """Return a summary of how well neighbours predict the source, before and after."""
    if encoder.before is None or encoder.after is None:
        return "There is only one source: nothing to mix."
    return (
        f"Neighbors predict the source of {encoder.after.probe:.0%} of the profiles, "
        f"{encoder.before.probe:.0%} before the encoder (lower is better mixed)."
    )


@takes_spatialdata
def train_encoder(
    references: Mapping[str, Table],
    query: Table | None = None,
    *,
    method: str = default_for("train-encoder"),
    config: Config | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "auto",
    folder: str | Path | None = None,
    resume: bool = False,
    query_name: str = "query",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> EncoderResult:
    """Train an embedding in which similar spots and cells are close.

    Parameters
    ----------
    references
        Name to slide: counts and ``obsm["spatial"]``. Coordinates are not used for training.
    query
        Dissociated cells: counts.
    config
        Hyper-parameters of the encoder; the quick preset if None.
    folder
        Folder in which a stopped training run keeps its state for ``resume=True``.
    method
        See ``spatialrecon methods``.
    settings
        Single values over `config` (or over the quick preset), such as ``{"members": 2}``.
    seed
        Seed; the same seed on the same machine gives the same bytes.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    resume
        Whether to go on from the state that a stopped run left in `folder`.
    query_name
        Name of the cells in messages, in the record and in the result.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    EncoderResult
        ``adata`` holds ``obsm["X_encoder"]`` of all sources; ``write`` saves the encoder.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> encoder = sr.train_encoder({"C2": c2, "C3": c3}, cells)  # doctest: +SKIP
    """
    info = find_method(method, "train-encoder")
    record = provenance.RunRecord("train-encoder", info.name, {}, seed)
    slides = prepare_slides(references)
    cells = None if query is None else contract.prepare_query(query, query_name)
    tables = [*slides, *([] if cells is None else [cells])]
    record.inputs = {t.name: provenance.fingerprint(t.adata.X, t.adata.var_names) for t in tables}
    record.device = str(choose_device(device))
    encoder: EncoderMethod = info.method()(chosen_config(info, config, settings))
    record.config = encoder.config.to_dict()
    if folder is not None:
        asked = {"seed": seed, "config": record.config, "inputs": record.inputs}
        resuming.begin(Path(folder), asked, resume=resume)
    reporter = Reporter(progress, should_stop)
    record.history = reporter.history
    own = None if folder is None else Path(folder) / "encoder"
    encoder.fit(slides, cells, Run(seed, record.device, reporter, own, resume))
    reporter.begin("Embedding")
    for when, mixing in (("before", encoder.before), ("after", encoder.after)):
        if mixing is not None:
            record.metrics |= {f"{name}_{when}": v for name, v in asdict(mixing).items()}
    notes = (*(note for table in tables for note in table.notes), *encoder.notes)
    record.notes = list(notes)
    return EncoderResult(embedded(encoder, tables), encoder, record, notes)


def prepare_profiles(
    references: Mapping[str, AnnData], query: AnnData | None, query_name: str = "query"
) -> list[contract.Prepared]:
    """Return slides, and cells as the last, as `train_encoder` reads them."""
    cells = [] if query is None else [contract.prepare_query(query, query_name)]
    return [*prepare_slides(references), *cells]


def embedded(encoder: EncoderMethod, tables: Sequence[contract.Prepared]) -> AnnData:
    """Return the table of all profiles before and after an encoder; see `EncoderResult`."""
    parts = []
    for table in tables:
        obs = table.adata.obs
        kinds = obs[[str(c) for c in obs if _is_kind(obs[c])]].astype(str)
        parts.append(pd.concat([pd.Series(table.name, obs.index, name=SOURCE), kinds], axis=1))
    obs = pd.concat(parts)
    obs.index = [f"{t.name} {i}" for t, part in zip(tables, parts) for i in part.index]
    for column in obs:
        obs[column] = pd.Categorical(obs[column])
    adata = AnnData(obs=obs)
    adata.obsm[INPUT] = np.concatenate([encoder.inputs(table) for table in tables])
    adata.obsm[EMBEDDING] = np.concatenate([encoder.embed(table) for table in tables])
    return adata


def latent(encoder: EncoderMethod, adata: AnnData) -> NDArray[np.floating]:
    """Return what an encoder reads of cells or spots, (n_cells, n_dimensions).

    NaN for those without counts.

    Raises
    ------
    InputError
        The table holds no counts, or lacks genes of the encoder.
    """
    cells = contract.prepare_query(adata, "cells")
    values = encoder.embed(cells)
    found = np.full((adata.n_obs, values.shape[1]), np.nan)
    found[cells.kept] = values
    return found


def flattened(
    adata: AnnData, *, way: str = "pca", seed: int = 0
) -> tuple[NDArray[np.int_], NDArray[np.float64], NDArray[np.float64]]:
    """Return rows of an encoder's table, as many of each source, and their places in a picture.

    Parameters
    ----------
    way
        ``"pca"``, or ``"umap"`` by the cosine between profiles.

    Returns
    -------
    rows : (n,) int
    before, after : (n, 2) float
        In the first two dimensions of the input and of the embedding.
    """
    codes = adata.obs[SOURCE].cat.codes.to_numpy().astype(int)
    rows = balanced_rows(codes, MOST_DRAWN, np.random.default_rng(seed))
    before, after = (_flat(np.asarray(adata.obsm[k])[rows], way, seed) for k in (INPUT, EMBEDDING))
    return rows, before, after


def _flat(values: NDArray[np.floating], way: str, seed: int) -> NDArray[np.float64]:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit = values / np.maximum(lengths, 1e-12)
    if way == "pca":
        from sklearn.decomposition import PCA

        flat = PCA(2, svd_solver="randomized", random_state=seed).fit_transform(unit)
    else:
        from umap import UMAP

        threads = torch.get_num_threads()
        flat = UMAP(metric="cosine", random_state=seed, n_jobs=1).fit_transform(unit)
        torch.set_num_threads(threads)  # numba gives OpenMP all cores: torch's sums would differ
    return np.asarray(flat, np.float64)


def _is_kind(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return False
    return bool(column.nunique() <= MOST_KINDS)
