from __future__ import annotations

import pytest

from napari_spatialrecon.viewer.task.gene_list_model import read_genes

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
