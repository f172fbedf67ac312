from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.viewer.task.gene_list_model import genes_of, read_genes
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role

NAMES = ("ERBB2", "CD74", "Cd74", "HLA A")


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("ERBB2", ["ERBB2"], []),
        ("erbb2, CD74;Cd74", ["ERBB2", "CD74", "Cd74"], []),
        (" HLA A ", ["HLA A"], []),
        ("ERBB2\nno-gene", ["ERBB2"], ["no-gene"]),
        ("", [], []),
    ],
)
def test_genes_are_read_from_what_was_typed_or_pasted(
    text: str, known: list[str], unknown: list[str]
) -> None:
    assert read_genes(text, NAMES) == (known, unknown)


def test_genes_of_a_table_are_kept_until_the_table_or_its_symbols_change() -> None:
    def table(*names: str) -> AnnData:
        return AnnData(np.ones((2, len(names)), np.float32), var=pd.DataFrame(index=list(names)))

    entry = Entry("C5", Role.SLIDE, table("ENSG00000141736", "ENSG00000019582"))
    first = genes_of(entry)
    assert first == ["ENSG00000141736", "ENSG00000019582"]
    first.clear()  # a list of the caller's own
    with pytest.MonkeyPatch.context() as without:
        without.setattr(GeneNames, "of", lambda var: pytest.fail("read anew"))
        assert genes_of(entry) == ["ENSG00000141736", "ENSG00000019582"]
    assert entry.adata is not None
    entry.adata.var["gene_name"] = ["ERBB2", "CD74"]
    assert genes_of(entry) == ["ERBB2", "CD74"]
    entry.adata = table("MKI67")
    assert genes_of(entry) == ["MKI67"]
    assert genes_of(None) == genes_of(Entry("none", Role.SLIDE)) == []
