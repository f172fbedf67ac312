from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_spatialrecon.viewer.window import garbage


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of Python, in order."""
    asked: list[str] = []
    names = ("collect", "freeze", "unfreeze", "enable", "disable")
    kept = {name: lambda name=name: asked.append(name) for name in names}
    monkeypatch.setattr(garbage, "gc", SimpleNamespace(**kept))
    monkeypatch.setattr(garbage, "_times", 0)
    return asked


def test_what_a_program_consists_of_is_left_out_once(done: list[str]) -> None:
    garbage.settle()
    garbage.settle()
    assert done == ["collect", "freeze"]


def test_modules_are_looked_through_again_only_for_what_is_as_old_as_they(done: list[str]) -> None:
    garbage.settle()
    old = garbage.age()
    garbage.leave_out()
    del done[:]
    garbage.free(garbage.age())
    assert done == ["collect"]
    garbage.free(old)
    assert done == ["collect", "unfreeze", "collect", "freeze"]


def test_modules_that_are_imported_are_left_out_and_others_are_not(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with garbage.importing():
        pass
    assert done == ["disable", "enable"]
    with garbage.importing():
        monkeypatch.setitem(garbage.sys.modules, "a module that was just imported", None)
    assert done[2:] == ["disable", "freeze", "enable"]
