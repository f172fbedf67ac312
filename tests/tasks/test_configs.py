"""Hyper-parameters by name, for every task alike."""

from __future__ import annotations

import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.errors import ConfigError, InputError
from napari_spatialrecon.methods.registry import METHODS, find_method
from napari_spatialrecon.tasks.configs import chosen_config


def test_keywords_dotted_names_and_nested_values_are_the_same():
    by_keyword = sr.config("gears", members=2, training__steps=50)
    assert by_keyword == sr.config("gears", {"members": 2, "training.steps": 50})
    assert by_keyword == sr.config("gears", members=2, training={"steps": 50})
    assert by_keyword.flat()["training.steps"] == 50


def test_settings_go_over_the_preset():
    standard = sr.config("gears", preset="standard").flat()
    changed = sr.config("gears", preset="standard", members=2).flat()
    assert changed == {**standard, "members": 2} != standard


@pytest.mark.parametrize("info", METHODS, ids=lambda i: f"{i.name} {i.tasks[0]}")
def test_every_method_has_a_config_by_its_task(info):
    for task in (info.tasks[0], info.tasks[0].replace("-", "_")):
        assert type(sr.config(info.name, task=task)) is info.config()


def test_a_name_of_several_methods_needs_its_task():
    with pytest.raises(InputError, match='Try task="place"'):
        sr.config("knn")
    with pytest.raises(InputError, match="Try one of"):
        sr.config("magic")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sr.config("gears", membres=2), "Did you mean members"),
        (lambda: sr.config("gears", preset="swift"), "Expected a preset"),
        (lambda: sr.config("gears", members="two"), "members: Expected a whole number"),
    ],
)
def test_what_is_unknown_is_refused(call, words):
    with pytest.raises(ConfigError, match=words):
        call()


def test_settings_go_over_a_config_and_leave_it_as_it_was():
    info, start = find_method("gears", "place"), sr.config("gears", preset="standard")
    chosen = chosen_config(info, start, {"members": 1})
    assert chosen == sr.config("gears", preset="standard", members=1) != start
    assert chosen_config(info, None, None) == sr.config("gears")


def test_settings_work_in_every_task(tiny):
    """Each run says in its record what it was given; how well it does is tested elsewhere."""
    slide, cells = tiny.slides[0], tiny.cells
    gene = next(g for g in slide.var_names if g in set(cells.var_names))
    runs = {
        "place": lambda **s: sr.place({"one": slide}, cells, method="knn", **s),
        "impute-genes": lambda **s: sr.impute_genes(
            slide, cells, [gene], hide=[gene], method="knn", **s
        ),
        "deconvolve": lambda **s: sr.deconvolve(slide, cells, "cell_type", method="knn", **s),
    }
    for task, run in runs.items():
        record = run(settings={"neighbours": 4}, device="cpu").record
        assert record.config["neighbours"] == 4, task
        with pytest.raises(ConfigError, match="Expected a known setting"):
            run(settings={"neighbors_": 4})
    sigma = next(o.name for o in sr.config("gaussian").options())
    value = sr.config("gaussian").flat()[sigma]
    split = sr.super_resolve(slide, method="gaussian", settings={sigma: value}, spot_diameter=110.0)
    assert split.method.config == sr.config("gaussian")
    encoder = sr.train_encoder({"one": slide}, settings={"training.steps": 2}, device="cpu")
    assert encoder.record.config["training"]["steps"] == 2
    rows = sr.Landmarks([4, 90, 200], tiny.truth[["x", "y"]].to_numpy()[[4, 90, 200]])
    small = {"members": 1, "training.steps": 2, "network.width": 8, "network.layers": 1}
    known = sr.impute_locations(
        cells, rows, references={"one": slide}, settings=small, device="cpu"
    )
    assert known.record.config["training"]["steps"] == 2
