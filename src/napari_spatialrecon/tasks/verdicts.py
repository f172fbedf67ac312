"""How far to trust a result, in a sentence: one function per task, for every face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.mixtures.config import GOT, LEVEL
from napari_spatialrecon.methods.placement.yardsticks import beats_baseline
from napari_spatialrecon.methods.registry import baseline_for

#: Name of the baseline of placing cells.
BASELINE = baseline_for("place").short_title
#: Share of the error of all cells at the tissue's center from which on a placement says little.
_LITTLE = 0.9
#: Largest fractional deviation at which counts still count as conserved.
_CONSERVED = 1e-6
#: Share of the error of an even split by which a method has to be below it.
_LEAST_GAIN = 0.01


@dataclass(frozen=True)
class Verdict:
    """How far to trust a result.

    Parameters
    ----------
    text
        One or two sentences.
    doubtful
        Whether they are a warning.
    measured
        Whether the result was compared with a baseline.
    """

    text: str
    doubtful: bool = False
    measured: bool = True

    def beside(self, warnings: Sequence[str]) -> Verdict:
        """Return the verdict with what speaks against the result, as in the record of a run."""
        if not warnings:
            return self
        return replace(self, text=" ".join([self.text, *warnings]), doubtful=True)


def placement_verdict(errors: Mapping[str, float]) -> Verdict:
    """Return how a method placed held-out spots, beside the baseline and the tissue's center.

    Parameters
    ----------
    errors
        As in `FittedPlacement.held_out`, also of a record or model that lacks the errors in µm.

    Examples
    --------
    >>> errors = {"method": 0.3, "baseline": 0.4, "gain": 0.09, "gain_noise": 0.01}
    >>> errors |= {"method_um": 414.0, "baseline_um": 512.0, "center_um": 1072.0}
    >>> placement_verdict(errors).text
    'Median error on held-out spots 414 µm (kNN 512 µm, all at the tissue center 1,072 µm); \
distances between them are better than those of kNN.'
    """
    value = {name: errors.get(name, np.nan) for name in ("method", "baseline")}
    if not np.isfinite(value["baseline"]):
        text = "No spots were held out, so the error on unseen spots is unknown."
        return Verdict(text, doubtful=True)
    named = "method" if np.isfinite(value["method"]) else "baseline"
    if np.isfinite(errors.get("baseline_um", np.nan)):
        text = _in_um(errors, named)
    else:
        text = _relative(errors, named)
    doubtful = _is_little(errors, named) or (named == "method" and not beats_baseline(errors))
    return Verdict(_with_center(text, errors, named), doubtful)


def _in_um(errors: Mapping[str, float], named: str) -> str:
    shown = {
        n: f"{errors.get(f'{n}_um', np.nan):,.0f} µm" for n in ("method", "baseline", "center")
    }
    center = f"all at the tissue center {shown['center']}"
    of = "Median error on held-out spots"
    if named == "baseline":
        return f"{of}, {BASELINE}: {shown['baseline']} ({center})."
    beside = f"({BASELINE} {shown['baseline']}, {center})"
    return (
        f"{of} {shown['method']} {beside}; distances between them are {compared(errors)} those of "
        f"{BASELINE}."
    )


def _relative(errors: Mapping[str, float], named: str) -> str:
    of, scale = "Relative error of distances between held-out spots", " (0 perfect, 1 useless)"
    if named == "baseline":
        return f"{of}, {BASELINE}: {errors['baseline']:.2f}{scale}."
    beside = f"{compared(errors)} {BASELINE} ({errors['baseline']:.2f})"
    return f"{of} {errors['method']:.2f}, {beside}{scale}."


def held_out_errors(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the errors on held-out spots of a placement's `run.json`, for `placement_verdict`.

    Examples
    --------
    >>> held_out_errors({"metrics": {"held_out_baseline": 0.4, "held_out_method": None}})
    {'baseline': 0.4}
    """
    own = "held_out_"
    metrics = record.get("metrics", {})
    return {
        name.removeprefix(own): value
        for name, value in metrics.items()
        if name.startswith(own) and value is not None
    }


def mixture_verdict(
    proportions: NDArray[np.float64],
    types: Sequence[str],
    warnings: Sequence[str],
    metrics: Mapping[str, float] = MappingProxyType({}),
) -> Verdict:
    """Return what most of the tissue is, how wide intervals are, and what speaks against it.

    Parameters
    ----------
    proportions : (n_spots, n_types), rows sum to 1
    warnings, metrics
        As in the record of the run.

    Examples
    --------
    >>> mixture_verdict(np.array([[0.75, 0.25], [0.75, 0.25]]), ["L6", "Astro"], ()).text
    '2 spots, 2 cell types; most are L6 (75%) and Astro (25%).'
    >>> mixture_verdict(np.eye(2), ["L6", "Astro"], (), {"interval_width": 0.4}).text[-77:]
    'Shares of 5% or more have 90% intervals of 40 percentage points on average.'
    """
    means = proportions.mean(axis=0)
    said = [f"{types[i]} ({100 * means[i]:.0f}%)" for i in np.argsort(-means, kind="stable")[:3]]
    most = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    text = f"{len(proportions):,} spots, {len(types)} cell types; most are {most}."
    width = metrics.get("interval_width")
    if width is not None:
        text += (
            f" Shares of {100 * GOT:.0f}% or more have {100 * LEVEL:.0f}% intervals of "
            f"{100 * width:.0f} percentage points on average."
        )
    return Verdict(text).beside(warnings)


def split_verdict(metrics: Mapping[str, float]) -> Verdict:
    """Return whether splitting spots conserved counts, and gained anything over an even split.

    Parameters
    ----------
    metrics
        Of a record of `super_resolve`: ``fd``, and the ``coarse_error_*`` of methods that were
        measured on held-out blocks of the slide, relative to an even split.

    Examples
    --------
    >>> split_verdict({"fd": 0.0, "coarse_error_generalist": 1.003}).doubtful
    True
    >>> split_verdict({"fd": 0.0, "coarse_error_generalist": 0.91}).text.partition(":")[0]
    'Better than an even split'
    """
    fd = metrics["fd"]
    kept = fd <= _CONSERVED
    mass = f"Counts {'' if kept else 'not '}conserved (fractional deviation {fd:.1e})."
    errors = [e for n, e in metrics.items() if n.startswith("coarse_error_") and e is not None]
    if not errors:
        text = "Whether it is better than an even split was not measured."
        return Verdict(f"{text} {mass}", not kept, measured=False)
    best = min(errors)
    gains = best < 1 - _LEAST_GAIN
    error = f"on held-out blocks of the slide, its error is {best:.1%} of that of the even split."
    text = f"{'Better than' if gains else 'No gain over'} an even split: {error}"
    return Verdict(f"{text} {mass}", not (gains and kept))


def compared(errors: Mapping[str, float]) -> str:
    """Return how the method did beside the baseline, in words that its name follows.

    Examples
    --------
    >>> compared({"method": 0.3, "baseline": 0.4, "gain": 0.02, "gain_noise": 0.04})
    'not clearly different from'
    """
    if beats_baseline(errors):
        return "better than"
    worse = beats_baseline({**errors, "gain": -errors["gain"]}) if "gain" in errors else True
    return "worse than" if worse else "not clearly different from"


def _is_little(errors: Mapping[str, float], name: str) -> bool:
    """Return whether all cells at the tissue's center would be about as near."""
    return bool(errors.get(f"{name}_um", 0.0) > _LITTLE * errors.get("center_um", np.inf))


def _with_center(text: str, errors: Mapping[str, float], name: str) -> str:
    if not _is_little(errors, name):
        return text
    return f"{text} Expression hardly predicts where these spots lie: do not rely on positions."
