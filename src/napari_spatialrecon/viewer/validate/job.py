"""A validation of what is chosen in Reconstruct: planned, then run, each in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.viewer.workspace.validations import Found

if TYPE_CHECKING:
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.validation.plan import ValidationPlan
    from napari_spatialrecon.viewer.task.job import Job

#: Titles of the tasks, as Reconstruct has them.
TITLES = {
    "place": "Place",
    "deconvolve": "Deconvolve",
    "impute-genes": "Impute genes",
    "super-resolve": "Super-resolve",
}
#: What may be held out of slides for placing, in words that begin with its name.
KINDS = {
    "spots": "spots: a quarter, at random",
    "section": "section: each in turn",
    "cells": "cells: half of them",
}


@dataclass(frozen=True, eq=False)
class ValidationJob:
    """What is validated.

    Parameters
    ----------
    job
        The run of Reconstruct whose method, settings and data it takes.
    hold_out
        One of `KINDS`; of tasks other than placing, nothing.
    """

    job: Job
    hold_out: str = ""

    @property
    def name(self) -> str:
        """Task, method and preset, in words."""
        method = find_method(self.job.method, self.job.verb).short_title
        return f"{TITLES[self.job.verb]} · {method} · {self.job.preset}"

    @property
    def chooses(self) -> bool:
        """Whether there is a choice of what to hold out."""
        return self.job.verb == "place"

    def plan(self, progress: ProgressCallback, should_stop: ShouldStop) -> ValidationPlan:
        """Hold out, and estimate the time: long work for `Run`.

        Raises
        ------
        InputError
            It cannot be validated, or there is too little to hold out.
        """
        from napari_spatialrecon.tasks.validation.validating import plan_validation

        job = self.job
        return plan_validation(
            job.verb,
            **job.validated(),
            method=job.method,
            config=job.config,
            hold_out=self.hold_out if self.chooses else None,
            seed=job.seed,
            device=job.device,
        )

    def run(
        self, plan: ValidationPlan, progress: ProgressCallback, should_stop: ShouldStop
    ) -> Found:
        """Run the method and its baselines, and draw how they did: long work for `Run`."""
        found = plan.run(recorded=self.job.settings(), progress=progress, should_stop=should_stop)
        return Found.of(self.name, found)
