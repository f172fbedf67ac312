"""A saved model comes back whole, or says why it cannot."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_spatialrecon.errors import CheckpointError, InputError
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint

GENES = ("Slc17a7", "Gad1", "β-gene\u2028x")
FILES = ("config.json", "weights.safetensors", "genes.txt", "manifest.json")


@pytest.fixture
def folder(tmp_path) -> Path:
    save_checkpoint(
        tmp_path / "model",
        method="dpvae",
        config={"latent": 8, "training": {"steps": 300}},
        tensors={
            "weight": torch.arange(6.0).reshape(2, 3).T,
            "mean": np.array([1.5, 2.5]),
            "count": torch.tensor(7),
        },
        genes=GENES,
        extra={"history": [1.0, 0.1]},
        fingerprints={"slide.h5ad": "abc"},
    )
    return tmp_path / "model"


def test_a_saved_model_comes_back_whole(folder):
    saved = load_checkpoint(folder, method="dpvae")
    assert saved.config == {"latent": 8, "training": {"steps": 300}}
    assert torch.equal(saved.tensors["weight"], torch.arange(6.0).reshape(2, 3).T)
    assert saved.tensors["mean"].dtype == torch.float64
    assert saved.tensors["count"].item() == 7
    assert saved.genes == GENES
    assert saved.extra == {"history": [1.0, 0.1]}
    assert saved.fingerprints == {"slide.h5ad": "abc"}


def test_the_folder_holds_four_plain_files(folder):
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert {path.name for path in folder.parent.iterdir()} == {"model"}


def test_the_same_model_is_saved_in_the_same_bytes(folder):
    saved = load_checkpoint(folder, method="dpvae")
    again = folder.with_name("again")
    save_checkpoint(
        again,
        method="dpvae",
        config=saved.config,
        tensors=saved.tensors,
        genes=saved.genes,
        extra=saved.extra,
        fingerprints=saved.fingerprints,
    )
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in FILES)


def test_a_newer_model_replaces_the_older_one(folder):
    save_checkpoint(folder, method="dpvae", config={}, tensors={})
    assert load_checkpoint(folder, method="dpvae").genes == ()


def test_a_folder_with_other_files_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="found a folder with other files"):
        save_checkpoint(tmp_path, method="dpvae", config={}, tensors={})
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_tensors_that_share_memory_are_saved_apart(tmp_path):
    shared = torch.zeros(4)
    save_checkpoint(
        tmp_path / "model", method="m", config={}, tensors={"a": shared, "b": shared[:2]}
    )
    assert load_checkpoint(tmp_path / "model", method="m").tensors["b"].shape == (2,)


def test_a_model_of_another_method_is_refused(folder):
    with pytest.raises(CheckpointError, match=r"Expected a model of 'gears', found one of 'dpvae'"):
        load_checkpoint(folder, method="gears")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{name}.*found none"):
        load_checkpoint(folder, method="dpvae")


def test_a_missing_folder_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(CheckpointError, match=r"Try the folder that Model.save wrote"):
        load_checkpoint(tmp_path / "nowhere", method="dpvae")


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_found(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(CheckpointError, match="found damage") as caught:
        load_checkpoint(folder, method="dpvae")
    assert name in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_is_found(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-3])
    with pytest.raises(CheckpointError, match="found damage"):
        load_checkpoint(folder, method="dpvae")


@pytest.mark.parametrize(
    "content", ["[]", "[[1, 2]]", "7", "{}", '{"format": "x"}', '{"format": 1}']
)
def test_a_foreign_manifest_is_no_model(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(CheckpointError, match="found damage"):
        load_checkpoint(folder, method="dpvae")


def test_weights_that_are_no_safetensors_are_refused_even_with_the_right_hash(folder):
    (folder / "weights.safetensors").write_bytes(b"\x80\x04pickle")
    rewrite_manifest(folder)
    with pytest.raises(CheckpointError, match="found damage"):
        load_checkpoint(folder, method="dpvae")


def test_a_newer_format_asks_for_a_newer_package(folder):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format": 3, "package_version": "9.0"}))
    with pytest.raises(CheckpointError, match=r"format 3 \(written by napari-spatialrecon 9\.0\)"):
        load_checkpoint(folder, method="dpvae")


def test_the_genes_of_a_model_are_found_in_any_order(folder):
    asked = ["Other", *reversed(GENES)]
    index = load_checkpoint(folder, method="dpvae").require_genes(asked)
    assert tuple(asked[i] for i in index) == GENES


def test_other_genes_are_refused_by_name(folder):
    with pytest.raises(CheckpointError, match=r"3 genes .* found 1 of them \(without Gad1, "):
        load_checkpoint(folder, method="dpvae").require_genes(["Slc17a7", "Sst"])


def test_a_long_list_of_missing_genes_is_cut(tmp_path):
    save_checkpoint(
        tmp_path / "m", method="m", config={}, tensors={}, genes=[f"g{i}" for i in range(99)]
    )
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path / "m", method="m").require_genes([])
    assert "g4, ...)" in str(caught.value)
    assert "g5" not in str(caught.value)


def test_a_gene_name_with_a_line_break_is_refused(tmp_path):
    with pytest.raises(InputError, match="without line breaks"):
        save_checkpoint(tmp_path / "m", method="m", config={}, tensors={}, genes=["a\nb"])
    assert not (tmp_path / "m").exists()


def rewrite_manifest(folder: Path) -> None:
    """Give the files of a model the hashes that fit, as one who forges would."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["digest"]
    manifest["sha256"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES[:3]
    }
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    manifest["digest"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(manifest))
