"""An option that takes one value is not given twice, in any verb."""

from __future__ import annotations

import argparse

import pytest

from napari_spatialrecon.cli import _parser, main


def verbs():
    found = next(a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    return found.choices


def single():
    """Return verb and option of all that take one value."""
    return [
        (name, action)
        for name, verb in verbs().items()
        for action in verb._actions
        if action.option_strings and action.nargs in (None, "?") and action.const is None
        if not isinstance(action, argparse._AppendAction)
    ]


def value(action):
    if action.choices:
        return next(iter(action.choices))
    return "1" if action.type is not None else "a"


@pytest.mark.parametrize(
    ("verb", "action"), single(), ids=lambda x: x if isinstance(x, str) else x.option_strings[0]
)
def test_a_second_value_is_refused(verb, action, capsys):
    option = action.option_strings[0]
    words = ["place"] if verb == "evaluate" else []
    assert main([verb, *words, option, value(action), option, value(action)]) == 2
    assert f"Expected {option} once" in capsys.readouterr().err


def test_both_values_are_named_and_nothing_is_written(tmp_path, capsys):
    words = ["simulate", "--out", str(tmp_path / "a"), "--out", str(tmp_path / "b")]
    assert main(words) == 2
    message = capsys.readouterr().err
    assert str(tmp_path / "a") in message and str(tmp_path / "b") in message
    assert not list(tmp_path.iterdir())


def test_what_can_be_repeated_stays_so():
    words = ["place", "--method", "knn", "--query", "q", "--out", "o"]
    words += ["--reference", "a", "--reference", "b", "--set", "x=1", "--set", "y=2"]
    options = _parser().parse_args(words)
    assert options.reference == ["a", "b"] and options.set == ["x=1", "y=2"]
