"""Genes that inputs share: nothing renamed, nothing guessed in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.tissue.gene_lookup import find_genes, lookup
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.species import mixed_genomes


def index(*names: str) -> pd.Index:
    return pd.Index(names)


MANY = [f"Gene{i}x" for i in range(30)]
IDS = [f"ENSMUSG{i:011d}" for i in range(30)]


def test_exact_names_keep_the_order_of_the_first() -> None:
    inputs = [index("B", "A", "C"), index("A", "D", "B")]
    match = match_genes(inputs, ["slide", "cells"], least=2)
    assert list(match.genes) == ["B", "A"]
    assert [i.tolist() for i in match.indices] == [[0, 1], [2, 0]]
    assert match.report["cells"]["exact"] == 2


def test_three_inputs_share_what_all_have() -> None:
    inputs = [index("A", "B", "C"), index("C", "B"), index("B", "A")]
    match = match_genes(inputs, ["a", "b", "c"], least=1)
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
    match = match_genes([index("A", "B"), index("A", "B", "B")], ["a", "b"], least=1)
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
    few = match_genes([index("A", "B", "C")] * 2, ["a", "b"])
    assert any("Only 3 genes" in note for note in few.notes)
    assert match_genes([pd.Index(MANY)] * 2, ["a", "b"]).notes == ()


@pytest.mark.parametrize(
    ("first", "second", "hint"),
    [
        (IDS, MANY, 'var["gene_ids"]'),
        (IDS, [f"ENSG{i:011d}" for i in range(30)], "(mouse), found those of human"),
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
        match_genes([index("A", "B"), index("A"), index("B")], ["a", "b", "c"], least=1)


def test_nothing_to_match_is_an_error() -> None:
    with pytest.raises(InputError):
        match_genes([], [])


FORMS = {
    "symbols": pd.DataFrame(index=MANY),
    "lower case": pd.DataFrame(index=[name.lower() for name in MANY]),
    "symbols, ids in a column": pd.DataFrame({"gene_ids": IDS}, index=MANY),
    "ids with versions, symbols in a column": pd.DataFrame(
        {"feature_name": pd.Categorical(MANY)}, index=[f"{i}.3" for i in IDS]
    ),
    "numbers, both in columns": pd.DataFrame(
        {"gene_name": MANY, "Accession": IDS}, index=[str(i) for i in range(30)]
    ),
    "a mixed reference's": pd.DataFrame(
        {"gene_ids": [f"mm10___{i}" for i in IDS]}, index=[f"mm10___{name}" for name in MANY]
    ),
}


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("second", FORMS)
def test_genes_match_in_every_direction_whatever_a_table_names_them_by(first, second) -> None:
    order = np.random.default_rng(0).permutation(30)
    match = match_genes([FORMS[first], FORMS[second].iloc[order]], ["slide", "cells"])
    assert match.indices[0].tolist() == list(range(30))
    assert order[match.indices[1]].tolist() == list(range(30))


def test_a_third_input_translates_between_symbols_and_ids() -> None:
    both = FORMS["symbols, ids in a column"]
    for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        inputs = [pd.Index(MANY), pd.Index(IDS), both]
        match = match_genes([inputs[i] for i in order], ["a", "b", "c"])
        assert len(match.genes) == 30


def test_genes_of_a_match_are_known_by_every_name_that_an_input_had() -> None:
    match = match_genes([pd.Index(IDS), FORMS["symbols, ids in a column"]], ["slide", "cells"])
    again = GeneNames.parse(match.names.lines())
    assert (again.names, again.symbols, again.ids) == (tuple(IDS), tuple(MANY), tuple(IDS))
    assert match_genes([again, pd.Index(MANY)], ["model", "new cells"]).report["new cells"] == {
        "exact": 0,
        "case-insensitive": 0,
        "symbol": 30,
        "ensembl": 0,
    }


HUMAN = pd.DataFrame(
    {"gene_ids": [f"ENSG{i:011d}" for i in range(30)]}, index=[name.upper() for name in MANY]
)
MOUSE = pd.DataFrame({"gene_ids": IDS}, index=MANY)
MARKED = pd.DataFrame(index=[*MANY, "Gm1992", "0610007P14Rik", "H2-K1"])


@pytest.mark.parametrize("cells", [MOUSE, MARKED, MOUSE.set_index("gene_ids")])
def test_human_and_mouse_are_refused_by_name_though_letters_agree(cells: pd.DataFrame) -> None:
    with pytest.raises(ValidationError, match=r"\(human\), found those of mouse"):
        match_genes([HUMAN, cells], ["slide", "cells"])


def test_names_translated_to_orthologues_are_taken_and_said() -> None:
    cells = MOUSE.set_axis([name.upper() for name in MANY])
    match = match_genes([HUMAN, cells], ["slide", "cells"])
    assert len(match.genes) == 30 and "treated as orthologs" in match.notes[0]


def test_names_in_capitals_are_no_proof_of_a_species() -> None:
    capitals = pd.Index([name.upper() for name in MANY])
    match = match_genes([MOUSE, capitals], ["slide", "cells"])
    assert len(match.genes) == 30
    assert any("slide has gene names as in mouse, cells as in human" in n for n in match.notes)


def test_genomes_of_a_mixed_reference_are_told_apart() -> None:
    names = ["GRCh38_ACTB", "GRCh38_SOX2", "mm10___Actb", "Sox2_like"]
    assert mixed_genomes(pd.DataFrame(index=names)) == {"GRCh38": 2, "mm10": 1}
    assert mixed_genomes(pd.DataFrame(index=names[:2])) == {}
    column = pd.DataFrame({"genome": ["GRCh38", "mm10"]}, index=["ACTB", "Actb"])
    assert mixed_genomes(column) == {"GRCh38": 1, "mm10": 1}
    virus = pd.DataFrame({"genome": ["GRCh38"] * 99 + ["sars_cov_2"]}, index=range(100))
    assert mixed_genomes(virus) == {}


def test_genes_that_a_user_names_are_found_by_symbol_id_or_letters() -> None:
    table = FORMS["ids with versions, symbols in a column"]
    asked = [MANY[3], IDS[4], f"{IDS[5]}.9", MANY[6].upper(), f"{IDS[7]}.3"]
    assert find_genes(table, asked, "slide").tolist() == [3, 4, 5, 6, 7]
    assert lookup(table, ["nowhere", MANY[0]]).tolist() == [-1, 0]


def test_a_gene_that_a_table_lacks_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="genes measured in slide, found Gene3y") as caught:
        find_genes(FORMS["ids with versions, symbols in a column"], ["Gene3y"], "slide")
    assert "Gene3x" in caught.value.remedy


def test_an_exact_name_is_preferred_to_the_same_letters() -> None:
    assert find_genes(pd.Index(["h", "H"]), ["H", "h"]).tolist() == [1, 0]
    assert lookup(pd.Index(["dR", "Dr"]), ["DR"]).tolist() == [-1]


NAMES = st.lists(st.text("abAB1", min_size=1, max_size=3), min_size=1, max_size=15, unique=True)


@given(NAMES, NAMES)
def test_matched_positions_name_the_same_gene_and_are_used_once(a, b) -> None:
    try:
        match = match_genes([pd.Index(a), pd.Index(b)], ["a", "b"], least=1)
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
