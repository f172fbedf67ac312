"""Which matrix holds the counts: found by one rule, said, and chosen by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import ChoiceError, ValidationError
from napari_spatialrecon.tissue.contract import library, prepare_query, um_per_unit
from napari_spatialrecon.tissue.counts import settled
from napari_spatialrecon.tissue.read import read_adata

COUNTS = np.random.default_rng(0).poisson(3, (6, 5)).astype(np.float32)
LOGS = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 50)
MORE = np.random.default_rng(1).poisson(3, (6, 9)).astype(np.float32)
NAMES = [f"Gene{i}" for i in range(5)]


def table(raw: np.ndarray | None = None, **layers: np.ndarray) -> AnnData:
    """Return a table of logarithms, with counts elsewhere."""
    var = pd.DataFrame({"feature_name": NAMES}, index=[f"ENSG{i:011d}" for i in range(5)])
    adata = AnnData(sparse.csr_matrix(LOGS), var=var, layers=layers)
    adata.obs["type"] = pd.Categorical(list("aabbcc"))
    adata.obsm["X_umap"] = LOGS[:, :2]
    if raw is not None:
        names = [f"ENSG{i:011d}" for i in range(raw.shape[1])]
        adata.raw = AnnData(sparse.csr_matrix(raw), obs=adata.obs, var=pd.DataFrame(index=names))
    return adata


def counts_of(adata: AnnData) -> np.ndarray:
    return prepare_query(adata, "cells").adata.X.toarray()


def test_whole_numbers_in_place_are_left_and_nothing_is_said() -> None:
    plain = AnnData(COUNTS)
    assert settled(plain) == (plain, ())
    kept = table(counts=COUNTS, umi=MORE[:, :5])
    assert settled(kept) == (kept, ())


def test_counts_are_those_of_raw_where_X_holds_logarithms() -> None:
    adata = table(raw=COUNTS)
    found, notes = settled(adata)
    np.testing.assert_array_equal(found.layers["counts"].toarray(), COUNTS)
    assert notes == ("Counts are those of raw: X holds no whole numbers.",)
    assert "counts" not in adata.layers and found.raw.shape == (6, 5)
    assert found.obs.equals(adata.obs) and "X_umap" in found.obsm
    np.testing.assert_array_equal(counts_of(adata), COUNTS)


def test_raw_of_more_genes_takes_the_place_of_X_with_the_symbols_that_are_known() -> None:
    found, notes = settled(table(raw=MORE))
    np.testing.assert_array_equal(found.X.toarray(), MORE)
    assert list(found.var["feature_name"][:5]) == NAMES
    assert found.var["feature_name"][5:].isna().all()
    assert "X, of 5 genes, excluded: raw has 9." in notes
    assert prepare_query(table(raw=MORE), "cells").notes[0].startswith("cells: Counts are those")


def test_the_only_layer_of_whole_numbers_is_taken_zeros_and_ones_are_not() -> None:
    adata = table(umi=COUNTS, scaled=LOGS, detected=(COUNTS > 0).astype(float))
    assert settled(adata)[1] == ('Counts are those of layers["umi"]: X holds no whole numbers.',)
    np.testing.assert_array_equal(counts_of(adata), COUNTS)
    binary = table(detected=(COUNTS > 0).astype(float))
    assert settled(binary) == (binary, ())


def test_several_layers_of_whole_numbers_are_a_choice() -> None:
    adata = table(spliced=COUNTS, unspliced=MORE[:, :5])
    with pytest.raises(ValidationError, match='layer="spliced"'):
        prepare_query(adata, "cells")
    found, notes = settled(adata, "unspliced")
    np.testing.assert_array_equal(counts_of(found), MORE[:, :5])
    assert notes == ()


@pytest.mark.parametrize("layer", ["umi", "X", "raw", "counts"])
def test_a_matrix_is_chosen_by_name(tmp_path, layer: str) -> None:
    wanted = {"umi": COUNTS + 1, "X": COUNTS, "raw": COUNTS + 2, "counts": COUNTS + 3}
    adata = AnnData(sparse.csr_matrix(COUNTS), layers={"umi": COUNTS + 1, "counts": COUNTS + 3})
    adata.raw = AnnData(COUNTS + 2)
    adata.write_h5ad(tmp_path / "a.h5ad")
    found = read_adata(tmp_path / "a.h5ad", layer=layer)
    np.testing.assert_array_equal(counts_of(found), wanted[layer])
    assert found.uns["spatialrecon"]["read"]["layer"] == layer


def test_a_matrix_that_is_not_there_is_refused_with_those_that_are(tmp_path) -> None:
    table(raw=COUNTS, umi=COUNTS).write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(ChoiceError, match="found 'count'") as caught:
        read_adata(tmp_path / "a.h5ad", layer="count")
    assert caught.value.choices == ("umi", "X", "raw") and "a.h5ad" in str(caught.value)


def test_what_is_chosen_automatically_is_said_where_a_file_is_read(tmp_path) -> None:
    table(raw=COUNTS).write_h5ad(tmp_path / "a.h5ad")
    found = read_adata(tmp_path / "a.h5ad")
    assert list(found.uns["spatialrecon"]["notes"]) == [
        "Counts are those of raw: X holds no whole numbers."
    ]
    found.write_h5ad(tmp_path / "b.h5ad")
    assert len(read_adata(tmp_path / "b.h5ad").uns["spatialrecon"]["notes"]) == 1


def test_a_table_as_cellxgene_has_it_is_read_whole(tmp_path) -> None:
    """Ids for names, symbols in feature_name, counts in raw, a flag among the libraries."""
    adata = table(raw=COUNTS)
    adata.obsm["spatial"] = np.random.default_rng(0).random((6, 2)) * 2000
    image = np.zeros((40, 30, 3), np.uint8)
    adata.uns["spatial"] = {
        "is_single": True,
        "V1": {
            "images": {"hires": image, "fullres": np.zeros((400, 300, 3), np.uint8)},
            "scalefactors": {"tissue_hires_scalef": 0.1, "spot_diameter_fullres": 130.0},
        },
    }
    adata.write_h5ad(tmp_path / "a.h5ad")
    found = read_adata(tmp_path / "a.h5ad")
    assert library(found)[0] == "V1" and um_per_unit(found) is not None
    np.testing.assert_array_equal(counts_of(found), COUNTS)
    from napari_spatialrecon.tissue.images import histology

    picture = histology(found)
    assert [level.shape for level in picture.levels] == [(400, 300, 3), (40, 30, 3)]
    adata.obs["in_tissue"] = [1, 0, 1, 1, 0, 1]
    adata.write_h5ad(tmp_path / "b.h5ad")
    under = read_adata(tmp_path / "b.h5ad")
    np.testing.assert_array_equal(counts_of(under), COUNTS[[0, 2, 3, 5]])
    assert "2 spots that are not under tissue were excluded." in under.uns["spatialrecon"]["notes"]
    found.uns["spatial"] = {"is_single": True}
    assert library(found) is None and um_per_unit(found) is None


def test_genes_of_two_species_are_refused_with_a_choice_that_keeps_one(tmp_path) -> None:
    names = ["GRCh38_ACTB", "GRCh38_SOX2", "GRCh38_GAPDH", "mm10___Actb", "mm10___Sox2"]
    adata = AnnData(sparse.csr_matrix(COUNTS), var=pd.DataFrame(index=names))
    with pytest.raises(
        ValidationError, match=r"3 of GRCh38 \(human\) and 2 of mm10 \(mouse\)"
    ) as e:
        prepare_query(adata, "cells")
    assert 'genome="GRCh38"' in e.value.remedy
    adata.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(ChoiceError) as caught:
        read_adata(tmp_path / "a.h5ad")
    assert (caught.value.option, caught.value.choices) == ("genome", ("GRCh38", "mm10"))
    found = read_adata(tmp_path / "a.h5ad", genome="mm10")
    assert list(found.var_names) == ["Actb", "Sox2"]
    assert "excluded 3 of GRCh38" in found.uns["spatialrecon"]["notes"][0]
    np.testing.assert_array_equal(counts_of(found), COUNTS[:, 3:])


def test_raw_is_preferred_to_a_layer() -> None:
    found, notes = settled(table(raw=COUNTS, umi=COUNTS + 1))
    np.testing.assert_array_equal(found.layers["counts"].toarray(), COUNTS)
    assert notes == ("Counts are those of raw: X holds no whole numbers.",)
