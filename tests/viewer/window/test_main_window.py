"""Which viewers have a window, and what of Qt is always there."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel

from napari_spatialrecon.viewer.window.main_window import has_window
from napari_spatialrecon.viewer.window.present import present


def test_a_viewer_made_without_a_window_has_none():
    assert not has_window(ViewerModel())
    assert not has_window(None)


def test_a_part_is_returned_even_where_it_is_empty_and_a_missing_one_is_a_bug():
    assert present("") == ""
    with pytest.raises(AssertionError, match="Qt has this part"):
        present(None)
