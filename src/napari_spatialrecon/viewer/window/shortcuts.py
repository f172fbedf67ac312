"""The keys of the widgets, in one place: what they do, and how they are described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from qtpy.QtWidgets import QWidget


@dataclass(frozen=True)
class Shortcut:
    """One key.

    Parameters
    ----------
    key
        As napari writes it.
    words
        What it does.
    """

    key: str
    words: str


#: Action -> its key, for both widgets that take landmarks.
COMMON: dict[str, Shortcut] = {
    "undo": Shortcut("Control-Z", "undo"),
    "redo": Shortcut("Control-Shift-Z", "redo"),
    "delete": Shortcut("Delete", "delete the chosen one"),
    "disable": Shortcut("D", "leave the chosen one out, or take it back"),
    "stop": Shortcut("Escape", "stop setting landmarks"),
}
ALIGN: dict[str, Shortcut] = {
    **COMMON,
    "left": Shortcut("Control-Left", "nudge left"),
    "right": Shortcut("Control-Right", "nudge right"),
    "up": Shortcut("Control-Up", "nudge up"),
    "down": Shortcut("Control-Down", "nudge down"),
    "flip": Shortcut("F", "turn over"),
    "turn": Shortcut("R", "turn by 90°"),
}
LANDMARKS: dict[str, Shortcut] = {
    **COMMON,
    "suggest": Shortcut("S", "choose the suggested cell"),
}


def describe(shortcuts: Mapping[str, Shortcut]) -> str:
    """Return all keys as lines of text.

    Examples
    --------
    >>> describe({"undo": COMMON["undo"]})
    'Ctrl+Z  undo'
    """
    return "\n".join(f"{_typed(s.key)}  {s.words}" for s in shortcuts.values())


class Keys:
    """Binds keys to a viewer while a widget takes landmarks, and to the widget always.

    Parameters
    ----------
    viewer
        Its own bindings come back when the keys are released.
    shortcuts, actions
        By the same names.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        shortcuts: Mapping[str, Shortcut],
        actions: Mapping[str, Callable[[], object]],
    ) -> None:
        self._viewer = viewer
        self._bound = {s.key: actions[name] for name, s in shortcuts.items()}
        self._before: dict[Any, Any] = {}
        self._held = False

    def hold(self) -> None:
        """Bind the keys to the viewer."""
        if self._held:
            return
        self._held = True
        self._before = dict(self._viewer.keymap)
        for key, action in self._bound.items():
            self._viewer.bind_key(key, _quietly(action), overwrite=True)

    def release(self) -> None:
        """Give the viewer its own keys back."""
        if self._held:
            self._held = False
            self._viewer.keymap.clear()
            self._viewer.keymap.update(self._before)

    def on_widget(self, widget: QWidget) -> None:
        """Bind the keys that hold a modifier, and Delete, to a widget and what is in it."""
        from qtpy.QtCore import Qt
        from qtpy.QtGui import QKeySequence, QShortcut

        for key, action in self._bound.items():
            if len(key) > 1 and key != "Escape":
                shortcut = QShortcut(QKeySequence(_typed(key)), widget)
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                shortcut.activated.connect(action)


def _quietly(action: Callable[[], object]) -> Callable[[ViewerModel], None]:
    def call(viewer: ViewerModel) -> None:
        action()

    return call


def _typed(key: str) -> str:
    return key.replace("Control-", "Ctrl+").replace("Shift-", "Shift+")
