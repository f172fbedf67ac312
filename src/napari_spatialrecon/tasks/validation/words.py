"""The verdict of a validation in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_spatialrecon.evaluation.intervals import Interval
from napari_spatialrecon.tasks.measures import Measure
from napari_spatialrecon.tasks.verdicts import Verdict

if TYPE_CHECKING:
    from napari_spatialrecon.tasks.validation.result import Score

#: Name of what can be said without a method.
TRIVIAL = "trivial"
BETTER, NO_BETTER, WORSE = "better", "no better", "worse"
#: What each measure is called in a sentence.
NAMES = {
    "median_um": "median error",
    "median_percent": "median error",
    "stress": "relative error of distances",
    "correlation": "mean correlation with the truth",
    "js_distance": "mean distance from the true mixture",
    "percentage_points": "mean error of a share",
}


def rival(scores: Sequence[Score], measures: Sequence[Measure], number: int = 0) -> Score | None:
    """Return the baseline that is best by a measure; None if there is none."""
    sign = -1.0 if measures[number].higher else 1.0
    known = [(score, score.values[number]) for score in scores[1:]]
    found = [(sign * value.value, score) for score, value in known if value is not None]
    return min(found, key=lambda one: one[0])[1] if found else None


def outcome(scores: Sequence[Score]) -> str:
    """Return whether the first is better than all others, no better, or worse than one.

    It is better if its gain over each other is clearly above 0 by one measure, the first or another
    by which no other beats it either, and over what can be said without a method by the first.
    """
    others = scores[1:]
    gains = [
        [gain for score in others if (gain := score.gains[number]) is not None]
        for number in range(len(scores[0].values))
    ]
    gains = [found for found in gains if found]
    if not gains:
        return NO_BETTER
    wins = [all(gain.low > 0 for gain in found) for found in gains]
    losses = [any(gain.high < 0 for gain in found) for found in gains]
    trivial = [s.gains[0] for s in others if s.name == TRIVIAL]
    says = all(gain is not None and gain.low > 0 for gain in trivial)
    if any(wins) and not any(losses) and says:
        return BETTER
    return WORSE if losses[0] or (any(losses) and not any(wins)) else NO_BETTER


def verdict(scores: Sequence[Score], measures: Sequence[Measure], held_out: str) -> Verdict:
    """Return how much better or worse the first is than the best of the others."""
    own, found = scores[0], outcome(scores)
    said, best = [], rival(scores, measures)
    if best is None:
        return Verdict(f"{own.title} could not be compared: no baseline finished.", doubtful=True)
    head = {
        BETTER: f"{own.title} is better than its baselines{_by(scores, measures)}.",
        NO_BETTER: f"{own.title} is no better than the baseline ({best.title}).",
        WORSE: f"{own.title} is no better than the baseline ({best.title}): it is worse.",
    }[found]
    for number, measure in enumerate(measures):
        other = rival(scores, measures, number)
        if other is not None and own.values[number] is not None:
            said.append(_beside(own, other, measure, number))
    text = f"{head} Held out: {held_out}. {' '.join(said)}"
    center = next((score for score in scores if score.name == TRIVIAL), None)
    if center is not None and center is not best and not _says(center):
        text += f" It is not clearly better than no method at all ({center.title.lower()})."
    return Verdict(text, found != BETTER)


def _by(scores: Sequence[Score], measures: Sequence[Measure]) -> str:
    """Return by what the first is better, where it is not by the first measure."""
    for number, measure in enumerate(measures):
        gains = [gain for score in scores[1:] if (gain := score.gains[number]) is not None]
        if gains and all(gain.low > 0 for gain in gains):
            return f" by {NAMES.get(measure.own, measure.own)}" if number else ""
    return ""


def _says(trivial: Score) -> bool:
    gain = trivial.gains[0]
    return gain is not None and gain.low > 0


def _beside(own: Score, other: Score, measure: Measure, number: int) -> str:
    value, theirs, gain = own.values[number], other.values[number], other.gains[number]
    assert value is not None and theirs is not None and gain is not None, "both are measured"
    name = NAMES.get(measure.own, measure.own)
    return (
        f"{name[:1].upper()}{name[1:]} {measure.text(value.value)}, {other.title} "
        f"{measure.text(theirs.value)}: {gain_words(gain, measure)}."
    )


def gain_words(gain: Interval, measure: Measure) -> str:
    """Return a gain with its interval.

    Examples
    --------
    >>> um = Measure("median_um", (), " µm", 0, False, "", "")
    >>> gain_words(Interval(98.2, 52.4, 140.0), um)
    '98 µm better (95% interval 52 to 140 µm)'
    >>> gain_words(Interval(-98.2, -140.0, -52.4), um)
    '98 µm worse (95% interval 52 to 140 µm)'
    >>> gain_words(Interval(8.2, -20.0, 30.0), um)
    '8 µm better (95% interval 20 µm worse to 30 µm better)'
    """
    decimals = measure.decimals + (0 if measure.unit == " µm" else 1)

    def text(x: float) -> str:
        return f"{abs(x):,.{decimals}f}"

    way = "better" if gain.value >= 0 else "worse"
    said = f"{text(gain.value)}{measure.unit} {way}"
    if gain.low < 0 < gain.high:
        ends = f"{text(gain.low)}{measure.unit} worse to {text(gain.high)}{measure.unit} better"
    else:
        low, high = sorted((abs(gain.low), abs(gain.high)))
        ends = f"{text(low)} to {text(high)}{measure.unit}"
    return f"{said} (95% interval {ends})"
