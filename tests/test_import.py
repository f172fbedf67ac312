"""The package opens in a blink, and its public names lead somewhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

import napari_spatialrecon as sr

HEAVY = ("anndata", "matplotlib", "napari", "numpy", "pandas", "qtpy", "scanpy", "scipy", "torch")


def imported(code):
    """Run code in a fresh interpreter; return which heavy modules it imported."""
    code += f"\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    "code",
    [
        "import napari_spatialrecon",
        "import napari_spatialrecon as sr; sr.__version__; dir(sr)",
        "import napari_spatialrecon.cli",
        "import napari_spatialrecon.cli as cli; cli._parser()",
    ],
)
def test_importing_pulls_nothing_heavy(code):
    assert imported(code) == []


def test_a_name_is_imported_when_it_is_used():
    assert "torch" in imported("import napari_spatialrecon as sr; sr.place")


@pytest.mark.parametrize("name", sr.__all__)
def test_every_public_name_leads_somewhere(name):
    found = getattr(sr, name)
    assert found == sr.__version__ or (callable(found) and found.__doc__)
    assert name in dir(sr)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'plaice'"):
        sr.plaice


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "napari_spatialrecon", "--version"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "napari-spatialrecon")
