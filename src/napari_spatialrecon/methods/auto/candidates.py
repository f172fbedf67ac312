"""The candidates of a task: its methods with a preset, and what else is worth trying."""

from __future__ import annotations

from napari_spatialrecon.methods.auto.plan import Candidate
from napari_spatialrecon.methods.registry import baseline_for, methods_for

#: Settings of a method that are tried beside its preset, by task, method and what they change.
_VARIANTS = {("deconvolve", "nnls"): {"likelihood of counts": {"loss": "counts"}}}


def candidates_of(task: str, preset: str) -> list[Candidate]:
    """Return the candidates of a task, the baseline first."""
    baseline = baseline_for(task)
    others = [info for info in methods_for(task) if not info.selects and info is not baseline]
    found = []
    for info in (baseline, *others):
        config = info.config().preset(preset)
        found.append(Candidate(info, config))
        for variant, values in _VARIANTS.get((task, info.name), {}).items():
            found.append(Candidate(info, config.with_values(values), variant))
    return found
