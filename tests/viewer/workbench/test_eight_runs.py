"""Eight runs at a time: each task in the workbench, and each in a dock of its own."""

from __future__ import annotations

from typing import Any

from napari_spatialrecon.tasks.gene_check import without
from napari_spatialrecon.viewer.reconstruct.tab import TASKS
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.window import garbage
from napari_spatialrecon.viewer.workbench.widget import Workbench
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

QUICK = {"place": "knn", "deconvolve": "knn", "impute-genes": "knn", "super-resolve": "uniform"}


def start(widget: TaskWidget, qtbot: Any) -> None:
    inputs: Any = widget.inputs
    inputs.method.setCurrentIndex(inputs.method.findData(QUICK[widget.model.task]))
    if widget.model.task == "impute-genes":
        model: Any = widget.model
        for gene in [name for name in model.names if name not in model.measured][:3]:
            inputs.gene_list.search.chosen.emit(gene)
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    widget.panel.run_button.click()
    assert widget.model.running


def test_eight_runs_that_are_started_one_after_the_other_all_end(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    open_tissue(viewer)
    space = workspace_of(viewer)
    for slide in space.of_role(Role.SLIDE):
        slide.adata = without(slide.adata, [str(gene) for gene in slide.adata.var_names[-5:]])
    bench = Workbench(viewer)
    viewer.window.add_dock_widget(bench, name="Spatial Reconstruction")
    tab: Any = bench.tabs["reconstruct"]
    bench.pages.setCurrentWidget(tab)
    widgets: list[TaskWidget] = []
    for name in TASKS:
        widgets.append(tab.show_task(name))
        start(widgets[-1], qtbot)
    for title, _, make in TASKS.values():
        widgets.append(make(viewer))
        viewer.window.add_dock_widget(widgets[-1], name=title)
        start(widgets[-1], qtbot)
    qtbot.waitUntil(lambda: not any(one.model.running for one in widgets), timeout=120_000)
    assert [one.model.state for one in widgets] == [State.DONE] * 8
    shown = {result.task for result in space.results}  # the second of a task replaces the first
    assert shown == set(TASKS) and len(space.results) == len(TASKS)
    qtbot.waitUntil(lambda: garbage._works <= 0)
