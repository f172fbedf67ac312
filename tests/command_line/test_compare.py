"""The command that compares methods."""

from __future__ import annotations

import pytest

from napari_spatialrecon.comparison import running
from napari_spatialrecon.errors import Stopped


def test_cases_methods_and_tools_are_listed(run):
    code, out, _ = run("compare", "--list")
    assert code == 0
    for word in ("her2-23-5", "mpoa-platform", "knn", "tangram", "cell2location", "auto"):
        assert word in out


def test_what_cannot_be_compared_is_said_and_nothing_is_written(run, tmp_path, monkeypatch):
    monkeypatch.delenv("SPATIALRECON_DATA", raising=False)
    out = tmp_path / "table"
    for words, said in (
        (("--cases", "place"), "Expected a folder for the table"),
        (("--out", out, "--cases", "her3"), "found 'her3'"),
        (("--out", out, "--task", "place"), "found no reference and no query"),
        (("--out", __file__, "--cases", "place", "--methods", "knn"), "Expected a folder to write"),
    ):
        code, _, err = run("compare", *words)
        assert code == 2 and said in err and "Try" in err
    assert not out.exists()


def test_options_reach_the_comparison_and_a_stop_keeps_its_folder(run, tmp_path, monkeypatch):
    given = {}

    def benchmark(out, **more):
        given.update(more)
        (tmp_path / "table").mkdir()
        raise Stopped()

    monkeypatch.setattr(running, "benchmark", benchmark)
    words = ("--cases", "place/her2-23-5", "all", "--methods", "knn", "gears:standard")
    more = ("--seeds", "0", "7", "--minutes", "2", "--memory", "3", "--data", "d", "--again")
    code, _, err = run("compare", "--out", tmp_path / "table", *words, *more)
    assert code == 130 and "Stopped" in err
    assert (tmp_path / "table").is_dir()
    assert given["methods"] == ["knn", "gears:standard"] and given["seeds"] == [0, 7]
    assert (given["minutes"], given["memory"], given["data"]) == (2.0, 3.0, "d")
    assert given["again"] is True and given["own"] is None


@pytest.mark.parametrize("task", ["place", "impute-genes"])
def test_own_files_become_a_case(run, tmp_path, monkeypatch, task):
    given = {}
    monkeypatch.setattr(running, "benchmark", lambda out, **more: given.update(more) or _Empty())
    run("compare", "--out", tmp_path, "--task", task, "--reference", "a", "--slide", "s")
    assert given["own"]["task"] == task and given["own"]["reference"] == ("a",)


class _Empty:
    rows = ()
