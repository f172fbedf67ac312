"""The frame of a task widget whose result can be saved as a plain table too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.storage import atomic_file
from napari_spatialrecon.viewer.task.model import OutcomeT
from napari_spatialrecon.viewer.task.widget import ModelT, TaskWidget

if TYPE_CHECKING:
    import pandas as pd


class TableResultWidget(TaskWidget[ModelT, OutcomeT]):
    """A task whose result is also one table, for instance of genes."""

    row_name: ClassVar[str]
    """What the rows of the table are, the header of its first column."""

    def result_table(self) -> pd.DataFrame:
        """Return the table."""
        raise NotImplementedError

    def ask_for_table(self) -> None:
        """Ask where to save, and write the table."""
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
