from __future__ import annotations

from napari_spatialrecon.viewer.task.undo import Undoable, UndoStack


def test_the_undo_stack_forgets_what_was_undone_once_something_new_is_done() -> None:
    stack = UndoStack("a")
    stack.push("b")
    stack.undo()
    stack.push("c")
    assert not stack.can_redo and stack.undo() == "a"


class Doubled(Undoable[int]):
    """A number, and its double."""

    def follow(self) -> None:
        self.double = 2 * self.state
        self.changed.emit()

    def go(self, number: int) -> None:
        self._stack.push(number)
        self.follow()


def test_what_follows_from_a_state_is_brought_back_with_it() -> None:
    model, told = Doubled(1), []
    model.changed.connect(lambda: told.append(model.double))
    model.go(4)
    assert model.can_undo and not model.can_redo
    model.undo()
    assert (model.state, model.double) == (1, 2) and model.can_redo
    model.redo()
    assert told == [8, 2, 8]
