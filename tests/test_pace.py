"""How long a run is expected to take on this machine, now."""

from __future__ import annotations

import pytest

from napari_spatialrecon import pace

KIND = pace.kind_of("place", "gears", "cuda:1")


#: Before a test replaces it by that of an idle machine.
BUSY = pace._busy


@pytest.fixture(autouse=True)
def load_is_read(monkeypatch):
    monkeypatch.setattr(pace, "_busy", BUSY)
    monkeypatch.setattr(pace.os, "getloadavg", lambda: (0.0, 0.0, 0.0), raising=False)
    monkeypatch.setattr(pace, "_cores", lambda: 2)


def test_a_slow_or_a_busy_machine_takes_longer(monkeypatch):
    alone = pace.span(60, KIND)
    assert alone.low < 60 < alone.high
    monkeypatch.setattr(pace.os, "getloadavg", lambda: (7.0, 0.0, 0.0), raising=False)
    assert pace.span(60, KIND).likely == pytest.approx(4 * alone.likely)
    monkeypatch.setattr(pace, "_machine", lambda: 2.0)
    assert pace.span(60, KIND).likely == pytest.approx(8 * alone.likely)


def test_earlier_runs_of_a_kind_correct_the_next_and_give_its_range():
    before = pace.span(60, KIND)
    for found in (1000.0, 120.0, 180.0, 240.0, 90.0, 120.0):
        pace.remember(KIND, 60.0, found)
    assert pace.ratios(KIND) == [2.0, 3.0, 4.0, 1.5, 2.0]
    after = pace.span(60, KIND)
    assert (after.low, after.high) == (90.0, 240.0)
    assert after.words == "about 2 to 4 min"
    assert pace.span(60, "place knn cpu") == before


def test_short_runs_are_not_remembered_nor_is_what_cannot_be_read():
    pace.remember(KIND, 0.5, 3.0)
    assert not pace.times_file().exists()
    pace.times_file().write_text('{"place gears cuda": "soon", "other": [1, null, -2, "x"]}')
    assert pace.ratios(KIND) == [] and pace.ratios("other") == [1.0]
    pace.times_file().write_text("{")
    pace.remember(KIND, 10.0, 20.0)
    assert pace.ratios(KIND) == [2.0]


def test_a_folder_that_cannot_be_written_stops_no_run(monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setattr(pace, "times_file", lambda: file / "times.json")
    pace.remember(KIND, 10.0, 20.0)
    assert pace.ratios(KIND) == []


def test_the_speed_of_a_machine_is_measured_once(monkeypatch):
    monkeypatch.undo()
    done = []
    monkeypatch.setattr(pace, "work", lambda: done.append(1))
    pace._machine.cache_clear()
    assert pace._machine() == pace._machine() > 0
    assert len(done) == 3
    pace._machine.cache_clear()
