"""Undo and redo over immutable states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from psygnal import Signal

State = TypeVar("State")

#: Steps that can be undone.
DEPTH = 200


class UndoStack(Generic[State]):
    """The history of states of an edited object.

    Parameters
    ----------
    state
        The first state; immutable, like all that follow.

    Examples
    --------
    >>> stack = UndoStack(0)
    >>> stack.push(1), stack.push(2), stack.undo(), stack.redo()
    (None, None, 1, 2)
    """

    def __init__(self, state: State) -> None:
        self._past: list[State] = []
        self._future: list[State] = []
        self._key: object = None
        self.state = state

    @property
    def can_undo(self) -> bool:
        """Whether there is an older state."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a state that was undone."""
        return bool(self._future)

    def push(self, state: State, *, key: object = None) -> None:
        """Go to a new state.

        Parameters
        ----------
        key
            Consecutive states with the same key form one step, as in a drag.
        """
        if key is None or key != self._key:
            self._past = [*self._past[-DEPTH + 1 :], self.state]
        self.state, self._key = state, key
        self._future.clear()

    def seal(self) -> None:
        """End a step: the next state with the same key starts a new one."""
        self._key = None

    def convert(self, change: Callable[[State], State]) -> None:
        """Replace every state, past and future, for instance by the same in another frame."""
        self._past, self._future = [*map(change, self._past)], [*map(change, self._future)]
        self.state = change(self.state)

    def undo(self) -> State:
        """Go one step back, if there is one; return the state."""
        if self._past:
            self._future.append(self.state)
            self.state = self._past.pop()
        self._key = None
        return self.state

    def redo(self) -> State:
        """Redo one step, if one was undone; return the state."""
        if self._future:
            self._past.append(self.state)
            self.state = self._future.pop()
        self._key = None
        return self.state


class Undoable(ABC, Generic[State]):
    """A model in which every change makes a new state, so that it can be undone.

    Parameters
    ----------
    state
        The first state.
    """

    changed = Signal()

    def __init__(self, state: State) -> None:
        self._stack: UndoStack[State] = UndoStack(state)

    @abstractmethod
    def follow(self) -> None:
        """Update everything derived from the state, and emit `changed`."""

    @property
    def state(self) -> State:
        """The current state."""
        return self._stack.state

    @property
    def can_undo(self) -> bool:
        """Whether a step can be undone."""
        return self._stack.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a step can be redone."""
        return self._stack.can_redo

    def undo(self) -> None:
        """Undo the last step."""
        self._stack.undo()
        self.follow()

    def redo(self) -> None:
        """Redo the last undone step."""
        self._stack.redo()
        self.follow()
