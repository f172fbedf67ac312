"""Commands that write tables, where the disk ends before they fit."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from faults.disk import Disk


@pytest.fixture
def words(inputs, references):
    """Return a command and its outputs."""
    types = ["--types", "cell_type"]
    placed = ["--prediction", inputs / "truth.h5ad", *types]
    regions = ["--slide", inputs / "section1.h5ad", "--column", "in_tissue"]
    return {
        "figure": (["communities", *placed], {"--out": "a.png", "--csv": "a.csv"}),
        "transfer": ([*references, "--method", "ridge"], {"--out": "a.csv", "--picture": "a.png"}),
        "annotate": (regions, {"--out": "a.geojson"}),
    }


@pytest.mark.parametrize("verb", ["figure", "transfer", "annotate"])
def test_an_older_table_stays_whole_and_nothing_new_is_left(
    run, words, verb, tmp_path, monkeypatch
):
    given, outputs = words[verb]
    tables = [name for name in outputs.values() if not name.endswith(".png")]
    for name in tables:
        (tmp_path / name).write_text("older")
    paths = [word for flag, name in outputs.items() for word in (flag, tmp_path / name)]
    monkeypatch.setattr("napari_spatialrecon.evaluation.pictures.save_png", lambda *_: None)
    made = SimpleNamespace(figure=None, table=pd.DataFrame({"share": [0.5, 0.5]}))
    drawing = SimpleNamespace(communities_figure=lambda *_, **__: made, vicinity_figure=None)
    monkeypatch.setitem(sys.modules, "napari_spatialrecon.report.figures", drawing)
    Disk(tmp_path, 0).insert(monkeypatch)
    code, _, told = run(verb, *given, *paths)
    assert code == 2 and told.count("spatialrecon: ") == 1, told
    assert "found the disk full. Try" in told and "Traceback" not in told
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys(tables, "older")
