"""A run that may not fit the memory: asked about at a terminal, refused elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from napari_spatialrecon.tasks import memory


@pytest.fixture
def come(monkeypatch, placing):
    """Return the words of a run that is expected to take more than is free."""
    monkeypatch.setattr(memory, "free_memory", lambda: 6e8)

    def words(out, *more):
        return placing(out, "come", "--set", "steps=2", *more)

    return words


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_command_that_nobody_watches_is_refused_with_ways_that_work(run, come, placing, tmp_path):
    out = tmp_path / "placed.h5ad"
    code, _, said = run(*come(out))
    assert code == 2 and not list(tmp_path.iterdir())
    assert "Expected about" in said and "found 600 MB" in said
    assert "Try --method gears, which takes about" in said and "or --over-memory to run" in said
    code, _, said = run(*come(out, "--over-memory"))
    assert code == 0 and out.exists() and "600 MB free" in said
    code, _, said = run(*placing(tmp_path / "small.h5ad", "knn"))
    assert code == 0 and "memory" not in said


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 2), ("", 2)])
def test_a_terminal_is_asked(run, come, tmp_path, monkeypatch, answer, code):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    out = tmp_path / "placed.h5ad"
    found, _, said = run(*come(out, "--progress", "none"))
    assert found == code and out.exists() == (code == 0)
    assert "Run all the same? [y/N]" in said and "--method gears" in said


def test_a_run_is_repeated_without_being_asked_for_again(run, come, tmp_path):
    assert run(*come(tmp_path / "placed.h5ad", "--over-memory"))[0] == 0
    code, _, said = run("repeat", tmp_path / "placed.run.json")
    assert code == 0 and "600 MB free" in said, said
