from __future__ import annotations

import math
from typing import Any

from qtpy.QtGui import QFontMetrics

from napari_spatialrecon.progress import Progress
from napari_spatialrecon.viewer.task.curves import Curves
from napari_spatialrecon.viewer.task.loss_plot import LossPlot


def test_curves_follow_the_stages_and_keep_each_held_out_error_once() -> None:
    curves = Curves()
    assert not curves
    for step, loss, error in ((1, 9.0, None), (2, 8.0, 0.5), (3, 7.0, 0.5), (4, 6.0, 0.4)):
        metrics = {"loss": loss, **({} if error is None else {"held_out": error, "baseline": 0.3})}
        assert curves.add(Progress("Validating", step, 4, metrics=metrics))
    curves.add(Progress("Training", 1, 10, metrics={"loss": 5.0}))
    assert curves.losses == {
        "Validating": [(1, 9.0), (2, 8.0), (3, 7.0), (4, 6.0)],
        "Training": [(1, 5.0)],
    }
    assert curves.held_out == [(2, 0.5), (4, 0.4)] and curves.baseline == 0.3 and curves.total == 10


def test_the_curve_of_the_next_method_that_is_tried_starts_anew() -> None:
    curves = Curves()
    for stage, step, error in (("Trying A", 10, 0.5), ("Trying A", 20, 0.4), ("Trying B", 5, 0.3)):
        curves.add(Progress(stage, step, 30, metrics={"loss": 1.0, "held_out": error}))
    assert curves.held_out == [(5, 0.3)]


def test_what_is_no_number_and_stages_without_loss_draw_nothing() -> None:
    curves = Curves()
    assert not curves.add(
        Progress("Training", 1, 4, metrics={"loss": math.nan, "baseline": math.nan})
    )
    assert not curves.add(Progress("Placing cells", 0))
    assert not curves and curves.baseline is None


def test_only_what_was_measured_takes_room(qtbot: Any) -> None:
    plot = LossPlot()
    qtbot.addWidget(plot)
    plot.resize(320, 300)
    none = plot.sizeHint().height()
    plot.curves.add(Progress("Training", 1, 4, metrics={"loss": 2.0, "baseline": 0.3}))
    assert not plot.curves.has_measures
    loss = plot.sizeHint().height()
    plot.curves.add(Progress("Training", 2, 4, metrics={"loss": 1.0, "held_out": 0.3}))
    plot.refresh()
    assert none < loss < plot.sizeHint().height() == plot.minimumHeight()


def test_titles_that_do_not_fit_on_a_line_go_to_the_next(qtbot: Any) -> None:
    titles = {"a": "domain mixing", "b": "iLISI", "c": "source predictability"}
    plot = LossPlot("mixing")
    qtbot.addWidget(plot)
    plot.curves = Curves(titles, baseline_title="chance")
    plot.curves.add(Progress("Training", 1, 4, metrics={"a": 0.5, "b": 0.5, "baseline": 0.5}))
    metrics = QFontMetrics(plot._font())
    for width in (300, 380, 900):
        plot.resize(width, 200)
        lines = plot._lines()
        assert [text for line in lines for _, text, _ in line][:3] == list(titles.values())
        for line in lines:
            ends = [left + metrics.horizontalAdvance(text) for left, text, _ in line]
            assert ends[-1] <= width
            assert all(end < left for end, (left, *_) in zip(ends, line[1:]))
    assert len(plot._lines()) == 1
    assert not plot.grab().toImage().isNull()


def test_errors_in_um_are_shown_without_decimals() -> None:
    curves = Curves({"method_um": "error, µm"}, baseline_metric="baseline_um", unit="µm")
    metrics = {"method_um": 1414.4, "baseline_um": 423.2}
    curves.add(Progress("Training", 1, 4, metrics=metrics))
    assert curves.held_out == [(1, 1414.4)] and curves.shown(curves.held_out[0][1]) == "1,414"
    again = Curves.of(curves.state())
    assert again.unit == "µm" and again.baseline == 423.2
    assert Curves().shown(0.414) == "0.41"
