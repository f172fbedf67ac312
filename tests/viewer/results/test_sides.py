from __future__ import annotations

import pytest

from napari_spatialrecon.viewer.results.sides import told_apart


@pytest.mark.parametrize(
    ("names", "apart"),
    [
        (("C5 · GEARS", "C5 · kNN"), ("GEARS", "kNN")),
        (("C5 · measured", "C2 · kNN"), ("C5 · measured", "C2 · kNN")),
        (("C5 · kNN", "C5 · kNN"), ("kNN", "kNN")),
        (("C5", "C5 · kNN"), ("C5", "C5 · kNN")),
    ],
)
def test_captions_keep_what_tells_two_names_apart(
    names: tuple[str, str], apart: tuple[str, str]
) -> None:
    assert told_apart(*names) == apart
