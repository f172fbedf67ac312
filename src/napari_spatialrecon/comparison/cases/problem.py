"""A case as it is set: inputs without the answer, and the answer apart from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from anndata import AnnData

from napari_spatialrecon.provenance import fingerprint
from napari_spatialrecon.storage import atomic_folder, write_json
from napari_spatialrecon.tissue.contract import coordinates, counts, um_per_unit, unit
from napari_spatialrecon.tissue.h5ad import write_h5ad
from napari_spatialrecon.tissue.micrometres import scale_slots
from napari_spatialrecon.tissue.slots import OURS, SPATIAL

#: Files of a part, of the answer, and of what is said about the case.
PART, TRUTH, ABOUT = "part.json", "truth.h5ad", "case.json"
#: Key of ``uns["spatialrecon"]`` of an answer: whether placed cells share its frame, where known.
SAME_FRAME = "same_frame"


@dataclass(frozen=True)
class Part:
    """What a method is given at a time; of a case with folds, one fold.

    Parameters
    ----------
    tables
        ``query`` and ``reference/NAME`` to place; otherwise ``slide``, and ``reference`` where the
        task has one.
    asked
        Arguments that are no tables: ``genes``, ``labels``, ``factor``, ``cells_per_spot``.
    """

    tables: Mapping[str, AnnData]
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def references(self) -> dict[str, AnnData]:
        """The slides of a placement by name."""
        marked = {k.partition("/"): table for k, table in self.tables.items()}
        return {name: table for (key, _, name), table in marked.items() if key == "reference"}

    def write(self, folder: Path) -> None:
        """Write the tables and what is asked of them."""
        folder.mkdir(parents=True)
        files = {key: f"{number}.h5ad" for number, key in enumerate(self.tables)}
        for key, name in files.items():
            write_h5ad(folder / name, self.tables[key])
        write_json(folder / PART, {"tables": files, "asked": dict(self.asked)})

    @classmethod
    def read(cls, folder: Path) -> Part:
        """Read what `write` wrote."""
        stored = json.loads((folder / PART).read_text(encoding="utf-8"))
        files = sorted(stored["tables"].items(), key=lambda item: item[1])
        tables = {key: anndata.read_h5ad(folder / name) for key, name in files}
        return cls(tables, stored["asked"])


@dataclass(frozen=True)
class Problem:
    """A case whose answer is known.

    Parameters
    ----------
    task
        As in the registry of methods: ``"place"``, ``"impute-genes"`` and so on.
    truth
        What predictions are compared with, as the task's evaluation takes it.
    """

    task: str
    parts: tuple[Part, ...]
    truth: AnnData

    def write(self, folder: Path, own: Mapping[str, Any] | None = None) -> None:
        """Write each part into a folder of its own, and the answer into none of theirs.

        Parameters
        ----------
        own
            The files of a user that it was made of.
        """
        with atomic_folder(folder) as temporary:
            for number, part in enumerate(self.parts):
                part.write(temporary / f"part{number}")
            (temporary / "truth").mkdir()
            write_h5ad(temporary / "truth" / TRUTH, self.truth)
            about = {"task": self.task, "parts": len(self.parts), "sizes": self._sizes()}
            about["own"] = None if own is None else dict(own)
            write_json(temporary / ABOUT, {**about, "fingerprint": self._fingerprint()})

    def _sizes(self) -> dict[str, list[int]]:
        return {key: list(table.shape) for key, table in self.parts[0].tables.items()}

    def _fingerprint(self) -> str:
        pieces: list[Any] = [json.dumps(dict(p.asked), sort_keys=True) for p in self.parts]
        for table in [*(t for p in self.parts for t in p.tables.values()), self.truth]:
            pieces += [table.X, np.asarray(table.obs_names), np.asarray(table.var_names)]
            pieces.append(table.obsm.get(SPATIAL))
        return fingerprint(*pieces)


def bare(adata: AnnData, *, columns: tuple[str, ...] = ()) -> AnnData:
    """Return counts, places, names and unit alone, and the given columns of `obs`."""
    kept = AnnData(counts(adata), obs=adata.obs[list(columns)].copy(), var=adata.var[[]].copy())
    if SPATIAL in adata.obsm:
        kept.obsm[SPATIAL] = np.asarray(adata.obsm[SPATIAL], float)[:, :2].copy()
        kept.uns[OURS] = scale_slots(unit(adata), um_per_unit(adata))
    return kept


def places(adata: AnnData) -> AnnData:
    """Return the names and places of cells, with their unit: the answer of a placement."""
    kept = AnnData(obs=adata.obs[[]].copy(), obsm={SPATIAL: coordinates(adata)})
    kept.uns[OURS] = scale_slots(unit(adata), um_per_unit(adata))
    return kept


def same_frame(truth: AnnData) -> bool | None:
    """Return whether placed cells share the frame of an answer; None if it does not say."""
    said = truth.uns.get(OURS, {}).get(SAME_FRAME)
    return None if said is None else bool(said)
