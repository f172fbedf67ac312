"""Reading options reach the inputs that have them, and are refused where none has."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon.command_line.face import CommandLine
from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.faces import speaking
from napari_spatialrecon.tissue.formats import registry
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.slots import NOTES, OURS

LIBRARIES = {"two": ("A", "B"), "other": ("C",), "none": ()}


def read(path: Path, options: ReadOptions) -> AnnData:
    """A format whose files hold the libraries of their name."""
    known = LIBRARIES[path.stem]
    if options.library not in (None, *known) or (options.library is None and len(known) > 1):
        raise ChoiceError("libraries", "library", known or ("X",), asked=options.library)
    adata = AnnData(np.zeros((1, 1), np.float32))
    adata.uns[OURS] = {NOTES: [f"library {options.library}"]}
    return adata


@pytest.fixture
def inputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    class Known(registry.Format):
        def read(self, path: Path, options: ReadOptions, *, backed: bool = False) -> AnnData:
            return read(path, options)

    known = Known("test", "Test", "a test", lambda path: True, "", ("library",))
    monkeypatch.setattr(registry, "FORMATS", (known,))
    for name in LIBRARIES:
        (tmp_path / f"{name}.x").touch()
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> list[str]:
        parser = argparse.ArgumentParser()
        parser.add_argument("--reference", action="append", default=[])
        parser.add_argument("--query")
        add_reading_options(parser)
        options = parser.parse_args(words)
        with Inputs(options) as found:
            tables = [*found.slides(options.reference).values()]
            if options.query:
                tables.append(found.table(options.query))
        return [table.uns[OURS][NOTES][0] for table in tables]

    return run


def test_one_value_reaches_every_input_that_has_it(inputs: Any, capsys: Any) -> None:
    found = inputs("--reference", "two.x", "--query", "other.x", "--library", "B")
    assert found == ["library B", "library None"]
    assert "note: two.x: library B" in capsys.readouterr().err


def test_several_values_belong_to_the_references_in_order(inputs: Any) -> None:
    words = ["--reference", "two.x", "--reference", "two.x", "--library", "B", "--library", "A"]
    assert inputs(*words) == ["library B", "library A"]


def test_a_value_for_one_file_reaches_that_file(inputs: Any) -> None:
    words = ["--reference", "two.x", "--query", "other.x", "--library", "two.x=B"]
    assert inputs(*words, "--library", "other=C") == ["library B", "library C"]


def test_values_for_no_reference_are_refused(inputs: Any) -> None:
    with pytest.raises(InputError, match="once per --reference"):
        inputs("--reference", "two.x", "--library", "A", "--library", "B")


def test_a_name_that_no_input_has_is_refused_with_what_there_is(inputs: Any) -> None:
    with pytest.raises(ChoiceError, match="A, B; found 'Z'") as caught:
        inputs("--reference", "two.x", "--query", "other.x", "--library", "Z")
    with speaking(CommandLine()):
        assert "--library A" in caught.value.remedy


def test_a_choice_that_is_due_is_asked_for(inputs: Any) -> None:
    with pytest.raises(ChoiceError, match="none chosen: A, B"):
        inputs("--reference", "two.x")


def test_an_option_that_no_format_has_is_refused(inputs: Any) -> None:
    with pytest.raises(InputError, match="choice for --bin"):
        inputs("--reference", "other.x", "--bin", "8")


def test_the_direction_of_y_is_up_or_down() -> None:
    with pytest.raises(InputError, match="up"):
        ReadOptions(y_axis="left")
