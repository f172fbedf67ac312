"""What a record says of how good a result is: one measure per task, and its yardsticks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """How good a result of a task is, as its record has it.

    Parameters
    ----------
    own
        Name of the metric in the record.
    yardsticks
        Names of the metrics that it is held against, each with a title, "" for the baseline's, and
        with what it means.
    unit
        Written behind the number, with its space.
    decimals
        Decimals shown.
    higher
        Whether a higher value is better.
    prefix
        Written before the number.
    tip
        What the number means; ``{}`` is the number.
    """

    own: str
    yardsticks: tuple[tuple[str, str, str], ...]
    unit: str
    decimals: int
    higher: bool
    prefix: str
    tip: str

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value:,.{self.decimals}f}{self.unit}"


_CENTER = "Median distance if every held-out spot were put at the center of the tissue"
_BASELINE_UM = "Median distance of the same spots if the baseline places them"
MEASURES: dict[str, tuple[Measure, ...]] = {
    "place": (
        Measure(
            "held_out_method_um",
            (
                ("held_out_baseline_um", "", _BASELINE_UM),
                ("held_out_center_um", "center", _CENTER),
            ),
            " µm",
            0,
            False,
            "",
            "Half of the spots that were hidden from training were placed within {} of their true "
            "place",
        ),
        Measure(
            "held_out_method",
            (("held_out_baseline", "", "The same error of the baseline"),),
            "",
            2,
            False,
            "error ",
            "Relative error of the distances between spots that were hidden from training: 0 is "
            "perfect, 1 useless. The record does not hold it in µm",
        ),
    ),
    "impute-genes": (
        Measure(
            "held_out_pcc",
            (("held_out_baseline_pcc", "", "Mean correlation of the baseline's maps"),),
            "",
            2,
            True,
            "correlation ",
            "Mean correlation of the maps of genes that were hidden from training with their "
            "measurement",
        ),
        Measure(
            "hidden_pcc",
            (),
            "",
            2,
            True,
            "correlation ",
            "Mean correlation of the maps of the genes that you hid with their measurement",
        ),
    ),
    "super-resolve": (
        Measure(
            "coarse_error",
            (),
            " × even split",
            2,
            False,
            "",
            "Error on blocks of the slide's own spots, over that of an even split: below 1 is a "
            "gain, 1 or more is none",
        ),
    ),
    "deconvolve": (
        Measure(
            "held_out_jsd",
            (("held_out_baseline_jsd", "", "The same divergence of the baseline"),),
            "",
            2,
            False,
            "JSD ",
            "Jensen-Shannon divergence of the types in simulated spots from the truth: 0 is "
            "perfect, 1 useless",
        ),
        Measure(
            "marker_agreement",
            (),
            "",
            2,
            True,
            "markers ",
            "Median over the types of how the share of a type and its marker genes correlate over "
            "the spots",
        ),
    ),
}
MEASURES["impute-locations"] = MEASURES["place"]
