from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_spatialrecon
from napari_spatialrecon.viewer.window.memory import FORMS, SCALES

PATH = Path(napari_spatialrecon.__file__).parent / "napari.yaml"


def test_every_command_imports_and_everything_refers_to_one() -> None:
    manifest = PluginManifest.from_file(PATH)
    manifest.validate_imports()
    contributions = manifest.contributions
    commands = {command.id for command in contributions.commands}
    used = {
        item.command
        for group in (contributions.readers, contributions.writers, contributions.sample_data)
        for item in group or ()
    } | {widget.command for widget in contributions.widgets or ()}
    assert used == commands


def test_what_is_remembered_is_declared() -> None:
    contributions = PluginManifest.from_file(PATH).contributions
    declared = contributions.configurations["remembered"].properties
    assert set(declared) == {FORMS, SCALES}


def test_the_manifest_at_the_top_is_the_one_that_is_shipped() -> None:
    top = Path(__file__).resolve().parents[2] / "napari.yaml"
    assert top.read_text() == PATH.read_text()


@pytest.mark.parametrize(
    "name",
    [
        "a.h5ad",
        "filtered.h5",
        "a.loom",
        "GSM1_matrix.mtx.gz",
        "A.gef",
        "A.gem.gz",
        "a.zarr.zip",
        "a.svs",
    ],
)
def test_a_file_of_every_format_that_has_a_name_of_its_own_is_claimed(name: str) -> None:
    (reader,) = PluginManifest.from_file(PATH).contributions.readers
    assert any(fnmatch(name, pattern) for pattern in reader.filename_patterns)
    assert reader.accepts_directories
    assert not any(fnmatch("points.csv", pattern) for pattern in reader.filename_patterns)
