"""The frame of a task widget whose result lies on the spots of one slide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.storage import atomic_file
from napari_spatialrecon.viewer.task.job import Job
from napari_spatialrecon.viewer.task.model import OutcomeT
from napari_spatialrecon.viewer.task.one_slide_model import OneSlideModel
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.workspace.tables import histology_of

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Image, Points

SlideModelT = TypeVar("SlideModelT", bound=OneSlideModel)


class OneSlideWidget(TaskWidget[SlideModelT, OutcomeT]):
    """A task on one slide, which keeps where the slide was shown as the run started."""

    _spots: Points | None = None
    _image: Image | None = None
    diameter_um: float | None = None
    """Of the slide's spots; None where the scale is not known."""

    def before_run(self, job: Job) -> None:
        """Note the slide's layer and H&E, on which the result will lie."""
        slide = self.model.slide
        assert slide is not None, "nothing is missing"
        image = histology_of(self.model.workspace, slide)
        self._spots = spots = slide.points
        self._image = None if image is None else image.image
        scaled = spots if slide.um_per_unit is not None else None
        self.diameter_um = None if scaled is None else float(scaled.size.max())

    @property
    def spots(self) -> Points | None:
        """The slide's layer of spots; None once it is gone."""
        return self._spots if self._spots in self.viewer.layers else None

    @property
    def image(self) -> Image | None:
        """The slide's H&E layer; None where there is none, or once it is gone."""
        return self._image if self._image in self.viewer.layers else None

    def hide_spots(self) -> None:
        """Take the slide's own spots from under the result."""
        if self.spots is not None:
            self.spots.visible = False


class TableResultWidget(OneSlideWidget[SlideModelT, OutcomeT]):
    """A task on one slide whose result can be saved as a plain table too."""

    row_name: ClassVar[str]
    """What a row of the table is."""

    def result_table(self) -> pd.DataFrame:
        """Return the table."""
        raise NotImplementedError

    def ask_for_table(self) -> None:
        """Ask where, and write the table."""
        name = f"{self.model.result_name}.csv".replace("/", "_")
        path = QFileDialog.getSaveFileName(self, "Save table", name, "Tables (*.csv)")[0]
        if path:
            self.save_table(path if path.endswith(".csv") else f"{path}.csv")

    def save_table(self, path: str) -> None:
        """Write the table as CSV in the background."""
        table, target = self.result_table(), Path(path)

        def work(*_: object) -> str:
            with atomic_file(target) as temporary:
                table.to_csv(temporary, index_label=self.row_name)
            return f"Saved {target.name}"

        self.save_in_background(work)
