"""Genes that inputs share: nothing renamed, nothing guessed in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.tissue.genes import match_genes


def index(*names: str) -> pd.Index:
    return pd.Index(names)


MANY = [f"Gene{i}x" for i in range(30)]
IDS = [f"ENSMUSG{i:011d}" for i in range(30)]


def test_exact_names_keep_the_order_of_the_first() -> None:
    match = match_genes([index("B", "A", "C"), index("A", "D", "B")], ["slide", "cells"])
    assert list(match.genes) == ["B", "A"]
    assert [i.tolist() for i in match.indices] == [[0, 1], [2, 0]]
    assert match.report["cells"]["exact"] == 2


def test_three_inputs_share_what_all_have() -> None:
    match = match_genes([index("A", "B", "C"), index("C", "B"), index("B", "A")], ["a", "b", "c"])
    assert list(match.genes) == ["B"]
    assert [i.tolist() for i in match.indices] == [[1], [1], [0]]


def test_case_is_ignored_only_where_names_as_written_do_not_match() -> None:
    human = pd.Index([name.upper() for name in MANY])
    match = match_genes([pd.Index(MANY), human], ["mouse", "human"])
    assert list(match.genes) == MANY
    assert match.report["human"]["case-insensitive"] == 30
    assert "ignoring case" in match.notes[0]


def test_genes_that_differ_in_case_alone_stay_apart_within_a_species() -> None:
    fly = [*MANY, "h", "Dr"]
    match = match_genes([pd.Index(fly), pd.Index([*MANY, "H", "dr"])], ["atlas", "cells"])
    assert list(match.genes) == MANY
    assert "2 more genes would match" in match.notes[0]


def test_names_that_are_ambiguous_without_case_are_left_out_and_said() -> None:
    other = [name.upper() for name in MANY]
    match = match_genes([pd.Index([*MANY, "Abc", "aBC"]), pd.Index([*other, "ABC"])], ["a", "b"])
    assert list(match.genes) == MANY
    assert any("ambiguous (Abc)" in note for note in match.notes)


def test_a_name_that_stands_twice_is_left_out_and_said() -> None:
    match = match_genes([index("A", "B"), index("A", "B", "B")], ["a", "b"])
    assert list(match.genes) == ["A"]
    assert any("ambiguous (B)" in note for note in match.notes)


def test_ensembl_ids_in_a_column_meet_ids_with_versions_in_the_names() -> None:
    symbols = pd.DataFrame({"gene_ids": IDS}, index=MANY)
    versions = pd.Index([f"{i}.7" for i in IDS[::-1]])
    match = match_genes([symbols, versions], ["slide", "cells"])
    assert list(match.genes) == MANY
    assert match.indices[1].tolist() == list(range(30))[::-1]
    assert match.report["cells"] == {
        "exact": 0,
        "case-insensitive": 0,
        "symbol": 0,
        "ensembl": 30,
    }
    assert "Ensembl" in match.notes[0]


def test_symbols_in_a_column_meet_symbols_in_the_names() -> None:
    atlas = pd.DataFrame({"feature_name": MANY}, index=IDS)
    match = match_genes([pd.Index(MANY), atlas], ["slide", "atlas"])
    assert list(match.genes) == MANY and match.report["atlas"]["symbol"] == 30


def test_few_shared_genes_are_said() -> None:
    assert any("Only 2 genes" in n for n in match_genes([index("A", "B")] * 2, ["a", "b"]).notes)
    assert match_genes([pd.Index(MANY)] * 2, ["a", "b"]).notes == ()


@pytest.mark.parametrize(
    ("first", "second", "hint"),
    [
        (IDS, MANY, 'var["gene_ids"]'),
        (IDS, [f"ENSG{i:011d}" for i in range(30)], "orthologues"),
        (["Actb", "Gapdh"], ["TP53", "MYC"], "as in human"),
        (["Actb", "Gapdh"], ["0", "1", "2"], "numbers instead of names"),
        (["Actb", "Gapdh"], ["Sox2", "Pax6"], "overlapping gene panels"),
        (["Actb"], [], "no genes"),
    ],
)
def test_no_shared_gene_is_an_error_with_a_hint(first, second, hint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        match_genes([pd.Index(first), pd.Index(second, dtype=object)], ["slide", "cells"])
    assert hint in str(caught.value) and "cells" in str(caught.value)


def test_pairs_that_share_genes_but_not_all_three_are_an_error() -> None:
    with pytest.raises(ValidationError, match="shared by all inputs"):
        match_genes([index("A", "B"), index("A"), index("B")], ["a", "b", "c"])


def test_nothing_to_match_is_an_error() -> None:
    with pytest.raises(InputError):
        match_genes([], [])


NAMES = st.lists(st.text("abAB1", min_size=1, max_size=3), min_size=1, max_size=15, unique=True)


@given(NAMES, NAMES)
def test_matched_positions_name_the_same_gene_and_are_used_once(a, b) -> None:
    try:
        match = match_genes([pd.Index(a), pd.Index(b)], ["a", "b"])
    except ValidationError:
        assert not set(a) & set(b)
        return
    left, right = match.indices
    assert [a[i] for i in left] == list(match.genes)
    assert [a[i].lower() for i in left] == [b[i].lower() for i in right]
    assert len(set(right.tolist())) == len(right) == len(np.unique(left))
    assert sum(match.report["b"].values()) == len(left)


@pytest.mark.realdata
def test_real_sections_and_cells_share_their_panels(realdata) -> None:
    from napari_spatialrecon.tissue.read import read_adata

    slide, cells = (
        read_adata(realdata / "drosophila_bdtnp" / name)
        for name in ("atlas_bdtnp.h5ad", "scrna_dropseq.h5ad")
    )
    match = match_genes([slide.var, cells.var], ["atlas", "cells"])
    assert len(match.genes) > 60 and match.report["cells"]["exact"] == len(match.genes)
