"""Rules of the house that no import contract can state."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_spatialrecon
from napari_spatialrecon.methods.registry import METHODS

PACKAGE = Path(napari_spatialrecon.__file__).parent
#: Folders that ask the registry for methods and know none of them.
FACES = ("comparison", "tasks", "report", "command_line", "viewer")
PAPERS = ("come", "dpvae", "gears", "spadit", "srast")
#: The linear map of genes is called as the slot of a mapping is, the choice of a method as that of
#: a device.
NAMES = {info.name for info in METHODS} - {"mapping", "auto"}


def named(source: str) -> Iterator[str]:
    """Yield the methods that a module names, in a string or by an import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            yield str(node.value)
        if isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if parts[:2] == ["napari_spatialrecon", "methods"] and {*parts[2:3]} & {*PAPERS}:
                yield parts[2]


@pytest.mark.parametrize("folder", FACES)
def test_only_the_registry_names_methods(folder: str) -> None:
    # An option of another tool may be a word that is a method's name here.
    files = [p for p in sorted((PACKAGE / folder).rglob("*.py")) if "peers" not in p.parts]
    assert files
    found = {
        str(path.relative_to(PACKAGE)): names
        for path in files
        if (names := sorted(set(named(path.read_text(encoding="utf-8")))))
    }
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        'method = "gears"',
        "def run():\n    from napari_spatialrecon.methods.srast.model import SRast",
    ],
)
def test_a_name_and_an_import_are_found(source: str) -> None:
    assert list(named(source))
