"""What a monkey looks at: colors, selections, results and their comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np
from hand import LEFT, NONE
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from window import settle

from faults.monkey.room import Room
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart


class Looking(Room):
    """Acts that look, select and compare."""

    def do_tab(self) -> str:
        """Turn to a tab."""
        return self._tab(self.rng.choice(list(self.bench.tabs)))

    def do_color(self) -> str:
        """Color a layer of points by a gene or a column, by its name or from the list."""
        if not self._select_a_layer("points"):
            return ""
        self._tab("inspect")
        search = self.bench.tabs["inspect"].parts[ColorPart].search
        if not self.hand.press(search):
            return ""
        if self.rng.random() < 0.5:
            QTest.keyClicks(search, self.rng.choice(["type", "gene", "1", "error", "no such"]))
        for _ in range(self.rng.randrange(4)):
            self.hand.key(Qt.Key.Key_Down, search)
        self.hand.key(Qt.Key.Key_Return, search)
        return f"{self.viewer.layers.selection.active} by {search.text()}"

    def do_lasso(self) -> str:
        """Draw around cells."""
        if not self._select_a_layer("points"):
            return ""
        self._tab("inspect")
        part = self.bench.tabs["inspect"].parts[LassoPart]
        if not part.lasso.on:
            self.hand.press(part.button)
        canvas, size = self.hand.canvas, self.hand.canvas.size()
        x, y = size.width() * self.rng.uniform(0.3, 0.7), size.height() * 0.5
        radius = self.rng.uniform(20.0, 200.0)
        turns = np.linspace(0.0, 6.0, self.rng.randrange(4, 9))
        path = [
            QPoint(round(x + radius * np.cos(turn)), round(y + radius * np.sin(turn)))
            for turn in turns
        ]
        QTest.mousePress(canvas, LEFT, NONE, path[0])
        for at in path[1:]:
            QTest.mouseMove(canvas, at)
            settle(0.02)
        QTest.mouseRelease(canvas, LEFT, NONE, path[-1])
        settle(0.1)
        if self.rng.random() < 0.7 and part.lasso.on:
            self.hand.press(part.button)
        return f"{len(part.rows)} rows"

    def do_select(self) -> str:
        """Find the genes of a selection, keep it as a column, undo, go back, clear."""
        self._tab("inspect")
        part = self.bench.tabs["inspect"].parts[LassoPart]
        if self.rng.random() < 0.5 and self.hand.press(part.name):
            QTest.keyClicks(part.name, f"region {self.rng.randrange(3)}")
        buttons = [part.keep, part.undo, part.back, part.clear_button, part.genes.test, part.torn]
        return self._press_one(buttons)

    def do_canvas(self) -> str:
        """Click, drag or turn the wheel on the canvas."""
        canvas, size = self.hand.canvas, self.hand.canvas.size()
        at = QPoint(self.rng.randrange(size.width()), self.rng.randrange(size.height()))
        how = self.rng.choice(["click", "drag", "wheel", "double"])
        if how == "click":
            self.hand.press(canvas, at)
        elif how == "double":
            QTest.mouseDClick(canvas, LEFT, NONE, at)
        elif how == "drag":
            QTest.mousePress(canvas, LEFT, NONE, at)
            for step in range(1, 5):
                QTest.mouseMove(canvas, at + QPoint(15 * step, 9 * step))
                settle(0.02)
            QTest.mouseRelease(canvas, LEFT, NONE, at + QPoint(60, 36))
        else:
            self._wheel(canvas, at)
        return how

    def _wheel(self, canvas: Any, at: QPoint) -> None:
        turned = QPoint(0, self.rng.choice([-120, 120]))
        phase, button = Qt.ScrollPhase.NoScrollPhase, Qt.MouseButton.NoButton
        for _ in range(self.rng.randrange(1, 4)):
            spots = QPointF(at), QPointF(canvas.mapToGlobal(at))
            event = QWheelEvent(*spots, QPoint(), turned, button, NONE, phase, False)
            QApplication.sendEvent(canvas, event)
            settle(0.05)

    def do_eye(self) -> str:
        """Hide or show a layer."""
        if not len(self.viewer.layers):
            return ""
        layer = self.rng.choice(list(self.viewer.layers))
        self.hand.eye(layer)
        return str(layer)

    def do_theme(self) -> str:
        """Change between dark and light."""
        self.viewer.theme = "light" if self.viewer.theme == "dark" else "dark"
        return str(self.viewer.theme)

    # Results

    def do_compare(self) -> str:
        """Tick two results, and look at them in each way."""
        self._tab("results")
        tab = self.bench.tabs["results"]
        boxes = [card.box for card in tab.results.cards.values()] + tab.results.boxes
        for box in self._shuffled(boxes):
            if box.isChecked() is not (len(tab.model.ticked) < 2):
                self.hand.press(box)
        buttons = self._shuffled(tab.compare.buttons.values())
        return " ".join(button.text() for button in buttons if self._see(button))

    def _see(self, button: Any) -> bool:
        pressed = self.hand.press(button)
        if pressed:
            settle(self.rng.uniform(0.1, 0.6))
        return pressed

    def do_delete(self) -> str:
        """Delete a result."""
        self._tab("results")
        tab = self.bench.tabs["results"]
        if tab.results.cards:
            self.hand.press(self.rng.choice(list(tab.results.cards.values())))
        return self._press_one([tab.actions_panel.delete_button])

    def do_undo(self) -> str:
        """Bring a deleted result back, or undo what else can be undone."""
        if self.rng.random() < 0.7:
            self._tab("results")
            return self._press_one([self.bench.tabs["results"].actions_panel.undo_button])
        self.hand.key(Qt.Key.Key_Z, None, Qt.KeyboardModifier.ControlModifier)
        return "Ctrl+Z"
