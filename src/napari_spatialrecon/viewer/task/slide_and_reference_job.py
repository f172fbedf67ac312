"""What runs on one slide and one reference share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.viewer.task.job import Input, Job
from napari_spatialrecon.viewer.task.script import reading
from napari_spatialrecon.viewer.workspace.tables import Table


@dataclass(frozen=True, kw_only=True)
class SlideAndReferenceJob(Job):
    """A run on the spots of a slide and the cells of a reference."""

    slide: Table
    reference: Table

    kind: ClassVar[str]
    """What it finds, for the name of the result: "types" or "genes"."""

    @property
    def result_name(self) -> str:
        """The slide and the method."""
        title = find_method(self.method, self.verb).title
        return f"{self.slide.name} · {self.kind} · {title}"

    def inputs(self) -> list[tuple[str, Input]]:
        """Return the slide and the reference."""
        return [("slide", self.slide), ("reference", self.reference)]

    def shared(self) -> dict[str, Any]:
        """Return the arguments that the task and its preflight share."""
        return {
            "method": self.method,
            "config": self.config,
            "device": self.device,
            "slide_name": self.slide.name,
            "reference_name": self.reference.name,
        }

    def validated(self) -> dict[str, Any]:
        """Return slide and reference."""
        return {
            "slide": self.slide.adata,
            "reference": self.reference.adata,
            "slide_name": self.slide.name,
            "reference_name": self.reference.name,
        }

    def reading(self) -> list[str]:
        """Return the lines of a script that read both tables."""
        return reading(dict(self.inputs()))
