"""Which methods there are."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.encoders.base import EncoderMethod
from napari_spatialrecon.methods.genes.base import GeneMethod
from napari_spatialrecon.methods.method import Method
from napari_spatialrecon.methods.mixtures.base import MixtureMethod
from napari_spatialrecon.methods.placement.base import PlacementMethod
from napari_spatialrecon.methods.registry import (
    METHODS,
    baseline_for,
    default_for,
    find_method,
    methods_for,
)
from napari_spatialrecon.methods.super_resolution.base import SuperResolution

#: What the classes of a task are.
CONTRACTS = {
    "place": PlacementMethod,
    "impute-locations": PlacementMethod,
    "impute-genes": GeneMethod,
    "deconvolve": MixtureMethod,
    "super-resolve": SuperResolution,
    "train-encoder": EncoderMethod,
}


@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.name} {info.tasks[0]}")
def test_every_method_can_be_made_from_each_of_its_presets(info):
    for task in info.tasks:
        assert issubclass(info.method(), Method if info.selects else CONTRACTS[task])
    assert info.method().name == info.name
    assert info.method().config_class is info.config()
    for preset in info.config().presets():
        assert info.method()(info.config().preset(preset)).config is not None
    assert {"quick", "standard"} <= set(info.config().presets())
    assert all(option.help for option in info.config().options())


def test_a_method_that_is_not_there_is_refused_with_those_that_are():
    for name, task in (("dpva", "place"), ("knn", "impute-locations")):
        with pytest.raises(InputError, match=f"Expected a method for {task}, found {name!r}") as e:
            find_method(name, task)
        assert e.value.remedy == f"Try one of {', '.join(m.name for m in methods_for(task))}."
    assert "dpvae" in [m.name for m in methods_for("impute-locations")]
    assert "knn" not in [m.name for m in methods_for("impute-locations")]


def test_a_name_stands_for_one_class_in_each_task():
    named = [(info.name, task) for info in METHODS for task in info.tasks]
    assert len(named) == len(set(named))
    assert find_method("knn", "place").method() is not find_method("knn", "impute-genes").method()


def test_methods_and_their_configs_are_listed_without_torch():
    code = (
        "import sys\nfrom napari_spatialrecon.methods.registry import METHODS\n"
        "[list(m.config().options()) for m in METHODS]\n"
        "print([m for m in ('torch', 'anndata', 'sklearn', 'scanpy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.name} {info.tasks[0]}")
def test_what_is_said_of_a_method_is_what_its_class_does(info):
    fit = getattr(info.method(), "fit", None)
    taken = inspect.signature(fit).parameters if fit is not None else {}
    assert info.fine_tunes == ("start_from" in taken)
    assert info.takes_encoder == ("encoder" in taken)
    assert info.has_generalist == hasattr(info.method(), "train")
    assert info.spread_preset in ("", *info.config().presets())


@pytest.mark.parametrize("task", CONTRACTS)
def test_every_task_has_a_method_that_it_takes_where_none_is_named(task):
    assert find_method(default_for(task), task) in METHODS


def test_the_first_baseline_of_a_task_is_none_of_the_papers():
    found = {t: baseline_for(t) for t in ("place", "impute-genes", "deconvolve", "super-resolve")}
    assert {task: info.name for task, info in found.items()} == {
        "place": "knn",
        "impute-genes": "mapping",
        "deconvolve": "nnls",
        "super-resolve": "uniform",
    }
    assert {info.page for info in found.values()} == {"baselines"}
