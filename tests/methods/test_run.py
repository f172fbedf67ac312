"""How a fit is run: its parts, what a stopped one leaves behind, and going on from that."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.config import LoopConfig

LOOP = LoopConfig(steps=12, checkpoint_every=4)


class Line:
    """Learns the slope of a line."""

    def __init__(self):
        self.module = nn.Linear(1, 1)
        nn.init.zeros_(self.module.weight)
        nn.init.zeros_(self.module.bias)

    def loss(self, step, generator):
        x = torch.randn(8, 1, generator=generator)
        return ((self.module(x) - 3 * x) ** 2).mean(), {}

    def held_out(self):
        return None


def stopping(after):
    calls = iter(range(10**6))
    return Reporter(should_stop=lambda: next(calls) >= after)


def slope(run):
    task = Line()
    run.train(task, LOOP, "Training")
    return task.module.weight.item()


def test_a_run_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Run().seed = 1


def test_runs_share_no_reporter():
    assert Run().reporter is not Run().reporter


def test_parts_of_a_run_keep_their_checkpoints_apart(tmp_path):
    run = Run(folder=tmp_path)
    for part in (run.within("first"), run.within("second").within("inner")):
        part.train(Line(), LOOP, "Training")
    assert any((tmp_path / "first").iterdir())
    assert any((tmp_path / "second" / "inner").iterdir())


def test_a_part_that_keeps_nothing_leaves_nothing(tmp_path):
    Run(folder=tmp_path, resume=True).within("part").unsaved().train(Line(), LOOP, "Training")
    assert not list(tmp_path.iterdir())


def test_a_stopped_part_names_the_folder_of_the_whole_run(tmp_path):
    run = Run(reporter=stopping(5), folder=tmp_path).within("part")
    with pytest.raises(Stopped) as stopped:
        run.train(Line(), LOOP, "Training")
    assert stopped.value.checkpoint == str(tmp_path)


def test_a_resumed_part_ends_where_one_that_went_straight_through_ends(tmp_path):
    with pytest.raises(Stopped):
        Run(3, reporter=stopping(5), folder=tmp_path).within("part").train(Line(), LOOP, "Training")
    resumed = slope(Run(3, folder=tmp_path, resume=True).within("part"))
    assert resumed == slope(Run(3)) == slope(Run().seeded(3))
    assert resumed != slope(Run(4))


def test_a_part_that_was_never_reached_starts_when_the_run_is_resumed(tmp_path):
    assert slope(Run(folder=tmp_path, resume=True).within("new")) == slope(Run())
