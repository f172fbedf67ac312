"""A remedy names what to change as the one who reads it knows it."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

import napari_spatialrecon
from napari_spatialrecon.command_line.face import CommandLine
from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.faces import Python, argument, setting, speaking, spoken
from napari_spatialrecon.viewer.task.subprocess_run import SubprocessWork
from napari_spatialrecon.viewer.window.face import Window

SOURCE = Path(napari_spatialrecon.__file__).parent


@pytest.mark.parametrize(
    ("placeholder", "python", "command", "window"),
    [
        (argument("method", "srast"), 'method="srast"', "--method srast", "SRast under Method"),
        (argument("spot_diameter"), "spot_diameter=", "--spot-diameter", "Spot diameter"),
        (argument("register_to"), "register_to=", "--onto", "Histology"),
        (argument("labels"), "labels=", "--labels", "Types"),
        (argument("save_model"), "Model.save", "--save-model", "Save model"),
        (
            argument("um_per_unit"),
            'adata.uns["spatialrecon"] = {"um_per_unit": ...}',
            "--um-per-pixel",
            "µm per unit, here or on the card under Data,",
        ),
        (
            setting("preprocess.min_counts", 5),
            'settings={"preprocess.min_counts": 5}',
            "--set preprocess.min_counts=5",
            "Preprocess › min counts = 5 under Settings",
        ),
        (
            setting("refiner.on", True),
            'settings={"refiner.on": True}',
            "--set refiner.on=true",
            "Refiner › on = yes under Settings",
        ),
        (
            setting("kept", None),
            'settings={"kept": None}',
            "--set kept=none",
            "Kept = none under Settings",
        ),
    ],
)
def test_each_face_names_it_its_own_way(placeholder, python, command, window):
    error = InputError("Expected 2.", remedy=f"Try {placeholder}.")
    for face, words in ((Python(), python), (CommandLine(), command), (Window(), window)):
        with speaking(face):
            assert str(error) == f"Expected 2. Try {words}."
            assert error.remedy == f"Try {words}."
    assert spoken(placeholder) == python


def test_all_problems_of_an_input_speak():
    both = [Problem("a", "Expected x.", f"Try {argument('method', m)}.") for m in ("knn", "dpvae")]
    error = ValidationError(both)
    with speaking(CommandLine()):
        assert str(error).count("--method") == 2 and error.remedy.count("--method") == 2
    assert "--method" not in str(error)


def test_braces_of_a_message_stay_as_they_are():
    assert str(InputError('Expected {"a": 1}, found {b}.')) == 'Expected {"a": 1}, found {b}.'


def test_a_remedy_can_be_pasted():
    assert ast.parse(f"f({spoken(setting('network.latent', 8))})")
    with speaking(CommandLine()):
        words = shlex.split(spoken(argument("method", "a b")))
    assert words == ["--method", "a b"]


def test_an_input_error_is_a_value_error():
    with pytest.raises(ValueError, match="Expected a place"):
        raise InputError("Expected a place.")


def test_the_command_line_speaks_as_itself(tmp_path, capsys):
    from napari_spatialrecon.cli import main

    words = ["simulate", "--out", str(tmp_path / "a"), "--set", "n_cells=many"]
    assert main(words) == 2
    assert "Try --set n_cells=" in capsys.readouterr().err


def test_the_window_speaks_as_itself():
    from napari_spatialrecon.viewer.widgets.notice import message
    from napari_spatialrecon.viewer.window.notify import details, headline

    error = InputError("Expected 2.", remedy=f"Try {argument('method', 'knn')}.")
    for say in (headline, details):
        assert "under Method" in say(error) and 'method="knn"' not in say(error)
    several = ValidationError([error.problem, error.problem])
    assert message(several).count("under Method") == 2


#: Files that hold commands as they are run.
COMMANDS = ("report/repeating.py", "batch/running.py")


def test_no_file_that_all_faces_share_names_an_option_of_the_command_line():
    """Outside of the command line, and of what writes a command to be copied."""
    named = re.compile(r"""["'( ]--[a-z][a-z-]+""")
    own = ("command_line", "viewer", "cli.py")
    assert all((SOURCE / path).is_file() for path in COMMANDS)
    for path in SOURCE.rglob("*.py"):
        inside = path.relative_to(SOURCE)
        if inside.parts[0] in own or inside.as_posix() in COMMANDS:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [line.strip() for line in lines if named.search(line)]
        found = [line for line in found if "vips" not in line and "pip install" not in line]
        found = [line for line in found if not line.startswith('"--pyramid')]
        assert not found, f"{inside}: {found}"


@pytest.mark.parametrize("name", ["{setting:x=no literal}", "{argument:a=__import__(1)}"])
def test_a_users_name_that_looks_like_a_placeholder_stays_as_it_is(name: str) -> None:
    error = InputError(f"Expected a gene, found {name}.", remedy="Try another.")
    assert name in str(error)


def test_a_run_in_a_separate_process_speaks_as_the_window(tmp_path: Path) -> None:
    missing = ["super-resolve", "--slide", str(tmp_path / "none.h5ad"), "--threads", "1"]
    wrong = [*missing, "--factor", "2x2", "--out", str(tmp_path / "o.h5ad"), "--set", "stepz"]
    with pytest.raises(InputError) as caught:
        SubprocessWork(wrong)(lambda _: None, lambda: False)
    with speaking(Window()):
        said = str(caught.value)
    assert "under Settings" in said and "--set" not in said
