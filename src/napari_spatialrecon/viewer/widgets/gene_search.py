"""A field that finds a gene by part of its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_spatialrecon.viewer.widgets.name_search import NameSearch


class GeneSearch(NameSearch):
    """Lists the genes that match what is typed; Enter also takes a text that matches none.

    Signals: ``chosen(text)``, a gene, or what was typed or pasted.

    Parameters
    ----------
    hint
        What the field says while it is empty.
    empties
        Whether the field is empty again once something was chosen.
    """

    def __init__(self, hint: str, *, empties: bool = False) -> None:
        self._hint, self._empties = hint, empties
        super().__init__()
        self.setAccessibleName("Gene")
        self.setClearButtonEnabled(False)
        self.textEdited.connect(self._forget)
        self.offer(())

    @property
    def names(self) -> list[str]:
        """The names that are listed, sorted."""
        return self.index.genes

    def offer(self, names: Sequence[str]) -> None:
        """List these names."""
        if sorted(names) != sorted(self.names):
            self.set_names((), names)
        self.setPlaceholderText(self._hint)
        self.setEnabled(True)

    def choose(self, label: str) -> None:
        """Choose a name as if it was clicked."""
        super().choose(label)
        if self._empties:
            self.show_name("")

    def _list(self, text: str) -> None:
        """List what matches, without headings: all are of one kind."""
        found = self.index.search(text)
        self.popup.show_groups([replace(group, title="") for group in found])

    def _forget(self, text: str) -> None:
        """Name nothing once the text was deleted, so that Enter chooses nothing."""
        if not text:
            self.popup.hide()
            self.show_name("")
