"""The candidates of a task: its methods with a preset, and what else is worth trying."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.methods.auto.config import AutoConfig
from napari_spatialrecon.methods.auto.plan import Candidate, Cost, affordable
from napari_spatialrecon.methods.auto.trials import Trials
from napari_spatialrecon.methods.method import Estimate
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


def planned(
    task: str,
    config: AutoConfig,
    device: str,
    estimates: Callable[[Candidate], tuple[Estimate, float]],
    trials: Trials,
    *,
    with_prior: bool = False,
) -> list[Cost]:
    """Return what to try in the time allowed, the baseline first; `trials` notes the others.

    Parameters
    ----------
    estimates
        Cost of a candidate's trial, and seconds of the run after it was chosen.
    with_prior
        Whether methods that take no prior are passed over.

    Raises
    ------
    SpatialReconError
        Not even the baseline fits the memory.
    """
    costs: list[Cost] = []
    for candidate in candidates_of(task, config.tried_preset):
        if with_prior and not candidate.info.takes_prior:
            continue
        try:
            trial, last = estimates(candidate)
        except SpatialReconError:
            if not costs:
                raise
            trials.skipped[candidate.title] = "it does not fit the free memory"
        else:
            costs.append(Cost.of(candidate, task, device, trial, last))
    return affordable(costs, config.seconds, trials)


def estimate_of(
    costs: Sequence[Cost],
    config: AutoConfig,
    trials: Trials,
    on: str,
    trial: Callable[[Candidate], Estimate],
    whole: Callable[[Candidate], Estimate],
) -> Estimate:
    """Return the cost of all trials, and of the longest run after the choice.

    Parameters
    ----------
    on
        What the candidates are tried on, in words.
    trial, whole
        Cost of a candidate's trial, and of its run after it was chosen.
    """
    last = [whole(cost.candidate) for cost in costs]
    names = ", ".join(cost.candidate.title for cost in costs)
    return Estimate(
        sum(trial(cost.candidate).seconds for cost in costs) + max(w.seconds for w in last),
        max(estimate.memory_bytes for estimate in last),
        plan=(f"Tries {names} on {on}.", *trials.omissions("is skipped")),
        most_seconds=max(config.seconds, costs[0].trial.high + costs[0].last.high),
    )
