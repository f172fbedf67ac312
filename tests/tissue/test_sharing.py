"""A table that shares another's arrays has all of its slots, and copies none."""

from __future__ import annotations

import numpy as np
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.tissue.sharing import sharing


def table() -> AnnData:
    made = AnnData(sparse.csr_matrix(np.arange(12, dtype=np.float32).reshape(4, 3)))
    made.raw = made
    made = made[:, :2].copy()
    made.obs["type"], made.uns["a"] = list("xxyy"), {"b": 1}
    made.obsm["spatial"], made.varm["loadings"] = np.ones((4, 2)), np.ones((2, 5))
    made.obsp["near"], made.varp["alike"] = sparse.eye(4, format="csr"), np.eye(2)
    made.layers["counts"] = made.X.copy()
    return made


def test_every_slot_is_there_and_no_matrix_is_copied() -> None:
    made = table()
    found = sharing(made)
    for slot in ("obsm", "varm", "obsp", "varp", "layers", "uns"):
        assert list(getattr(found, slot)) == list(getattr(made, slot)), slot
    assert np.shares_memory(found.X.data, made.X.data)
    assert np.shares_memory(found.layers["counts"].data, made.layers["counts"].data)
    assert np.shares_memory(found.raw.X.data, made.raw.X.data)
    assert found.raw.n_vars == 3 and found.n_vars == 2


def test_what_is_changed_stays_as_it_was_in_the_other() -> None:
    made = table()
    found = sharing(made, uns={"a": 2}, obsm={})
    found.obs["new"] = 1
    assert made.uns["a"] == {"b": 1} and "spatial" in made.obsm and "new" not in made.obs
    assert found.uns["a"] == 2 and not found.obsm
