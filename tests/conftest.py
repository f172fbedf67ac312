"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(
    os.environ.get(
        "SPATIALRECON_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"
    )
)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real tissue, or a skip that says why."""
    if not DATA.is_dir():
        pytest.skip(f"real tissue not found in {DATA}; set SPATIALRECON_DATA to its folder")
    return DATA
