from __future__ import annotations

import pytest

from napari_spatialrecon.comparison.panels import panels


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_long_title_is_whole(count: int) -> None:
    title = "WWMM starmap BZ5 · GEARS: true and predicted distances, at the scale that fits best"
    figure, axes = panels(count, title)
    figure.draw_without_rendering()
    heading = figure._suptitle
    box = heading.get_window_extent()
    assert heading.get_text().replace("\n", " ") == title
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    assert box.y0 >= max(ax.get_tightbbox().y1 for ax in axes)
