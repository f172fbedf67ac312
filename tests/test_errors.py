"""Errors say where, what was expected, what was found, and what to try."""

from __future__ import annotations

import pytest

from napari_spatialrecon import errors
from napari_spatialrecon.errors import (
    ConfigError,
    InputError,
    Problem,
    SpatialReconError,
    Stopped,
    ValidationError,
)


def test_a_problem_reads_as_place_message_remedy():
    problem = Problem("slide.h5ad: X", "Expected counts, found logs.", "Try the raw layer.")
    assert str(problem) == "slide.h5ad: X: Expected counts, found logs. Try the raw layer."
    assert str(Problem("", "Expected a file.")) == "Expected a file."


def test_an_error_reads_as_its_problem():
    error = InputError("Expected 2, found 3.", remedy="Try 2.", where="factor")
    assert str(error) == "factor: Expected 2, found 3. Try 2."
    assert error.remedy == "Try 2."


def test_every_error_of_the_package_has_one_base():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    assert len(kinds) >= 7
    assert all(issubclass(kind, SpatialReconError) for kind in kinds)
    assert issubclass(ConfigError, InputError)


def test_a_validation_error_lists_every_problem():
    problems = [Problem("a", "Expected x.", "Try y."), Problem("b", "Expected z.")]
    error = ValidationError(problems)
    assert str(error) == "- a: Expected x. Try y.\n- b: Expected z."
    assert error.problems == tuple(problems)
    assert error.remedy == "Try y."


def test_a_validation_error_without_a_problem_is_our_own_bug():
    with pytest.raises(AssertionError):
        ValidationError([])


def test_a_stopped_run_names_the_folder_to_resume_from():
    assert str(Stopped(checkpoint="run")) == "Stopped by the user. Resume from run."
    assert Stopped().checkpoint == ""
