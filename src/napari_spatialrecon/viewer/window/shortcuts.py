"""Keyboard shortcuts of the widgets: keys, what they do, and how they are listed."""

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
    "delete": Shortcut("Delete", "delete the selected one"),
    "disable": Shortcut("D", "exclude or include the selected one"),
    "stop": Shortcut("Escape", "stop setting landmarks"),
}
ALIGN: dict[str, Shortcut] = {
    **COMMON,
    "left": Shortcut("Control-Left", "nudge left"),
    "right": Shortcut("Control-Right", "nudge right"),
    "up": Shortcut("Control-Up", "nudge up"),
    "down": Shortcut("Control-Down", "nudge down"),
    "flip": Shortcut("F", "flip"),
    "turn": Shortcut("R", "rotate by 90°"),
}
LANDMARKS: dict[str, Shortcut] = {
    **COMMON,
    "suggest": Shortcut("S", "pick the suggested cell"),
}
LASSO: dict[str, Shortcut] = {
    "lasso": Shortcut("Control-L", "draw a lasso"),
    "stop": Shortcut("Escape", "give up the lasso"),
}


def describe(shortcuts: Mapping[str, Shortcut]) -> str:
    """Return all keys and what they do, one per line.

    Examples
    --------
    >>> describe({"undo": COMMON["undo"]})
    'Ctrl+Z  undo'
    """
    return "\n".join(f"{_typed(s.key)}  {s.words}" for s in shortcuts.values())


class Keys:
    """Binds keys to a viewer while landmarks are being set, and to the widget at all times.

    Parameters
    ----------
    viewer
        Its own bindings are restored on release.
    shortcuts, actions
        Have the same names.
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
        """Restore the viewer's own key bindings."""
        if self._held:
            self._held = False
            self._viewer.keymap.clear()
            self._viewer.keymap.update(self._before)

    def on_widget(self, widget: QWidget) -> None:
        """Bind Delete and the keys with a modifier to a widget and its children."""
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
