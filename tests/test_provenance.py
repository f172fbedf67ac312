"""A run's record: equal inputs have equal fingerprints, and the result holds no clock."""

from __future__ import annotations

import json
import platform

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from napari_spatialrecon.provenance import RunRecord, fingerprint, peak_memory_bytes, versions


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), unique=True))
def test_equal_arrays_have_equal_fingerprints_and_one_change_shows(array):
    assert fingerprint(array) == fingerprint(array.copy(order="F"))
    changed = array.copy()
    changed.flat[0] = 1.5 if changed.flat[0] != 1.5 else 2.5
    assert fingerprint(array) != fingerprint(changed)


def test_the_order_of_stored_entries_does_not_matter():
    sorted_ = sparse.csr_matrix(np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]))
    shuffled = sparse.csr_matrix(
        (np.array([2.0, 1.0, 3.0]), np.array([1, 0, 2]), np.array([0, 2, 3])), shape=(2, 3)
    )
    assert fingerprint(sorted_) == fingerprint(shuffled) == fingerprint(sorted_.tocsc())
    assert not shuffled.has_sorted_indices


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        ((np.zeros((2, 3)),), (np.zeros((3, 2)),)),
        ((["a", "b"],), (["a\nb"],)),
        ((None,), ("",)),
        ((sparse.csr_matrix((2, 3)),), (sparse.csr_matrix((3, 2)),)),
        ((np.array([1, 2]),), (np.array([2, 1]),)),
    ],
)
def test_different_inputs_have_different_fingerprints(one, other):
    assert fingerprint(*one) != fingerprint(*other)


def test_texts_are_hashed_in_blocks_without_changing_the_fingerprint(monkeypatch):
    names, blocks = [f"cell{i}" for i in range(25)], []
    whole = fingerprint(names)
    monkeypatch.setattr("napari_spatialrecon.provenance._TEXTS", 10)
    assert fingerprint(names, between=lambda: blocks.append(None)) == whole
    assert len(blocks) == 3


def test_versions_name_python_and_the_packages_that_matter():
    found = versions()
    assert found["python"] == platform.python_version()
    assert {"numpy", "torch", "anndata"} <= set(found)


def test_a_record_of_the_same_run_is_the_same_but_for_time_and_memory():
    def record() -> RunRecord:
        return RunRecord("place", "dpvae", {"steps": 3}, seed=1, inputs={"slide": "abc"})

    assert record().provenance() == record().provenance()
    assert not {"started", "wall_seconds", "peak_memory_bytes"} & set(record().provenance())


def test_a_record_is_written_as_json_even_with_numbers_that_are_not_finite(tmp_path):
    record = RunRecord("place", "dpvae", {"steps": 3}, seed=1)
    record.metrics = {"spearman": np.float32(0.5), "gap": float("nan")}
    record.write(tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["metrics"] == {"spearman": 0.5, "gap": None}
    assert content["seed"] == 1
    assert content["wall_seconds"] >= 0
    assert content["started"].endswith("+00:00")


def test_peak_memory_is_counted_in_bytes():
    peak = peak_memory_bytes()
    assert peak is None or 10**7 < peak < 10**12
