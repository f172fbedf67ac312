"""Tables of what `experiments.validate.agreement` found: ranks, verdicts, and pairs of methods."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from napari_spatialrecon.methods.registry import methods_for


def summary(found: list[dict[str, Any]]) -> str:
    """Return the rows and the rank correlations as Markdown."""
    flat = []
    for row in found:
        for measure, value in row["true"].items():
            sign = -1 if measure == "correlation" else 1
            flat.append({**row, "measure": measure, "held": row["held_out"][measure],
                         "truth": value, "sign": sign})  # fmt: skip
    table = pd.DataFrame(flat)
    lines = ["| task | case | measure | method: held out, true |", "|---|---|---|---|"]
    for (task, case, measure), part in table.groupby(["task", "case", "measure"], sort=False):
        each = "; ".join(f"{r.method} {r.held:.3f}, {r.truth:.3f}" for r in part.itertuples())
        lines.append(f"| {task} | {case} | {measure} | {each} |")
    lines += ["", "| task | measure | pairs | over all | mean within cases | best found |"]
    lines.append("|---|---|---|---|---|---|")
    for (task, measure), part in table.groupby(["task", "measure"], sort=False):
        within = [spearmanr(one["held"], one["truth"]).statistic for _, one in part.groupby("case")]
        best = [
            one.loc[(one["held"] * one["sign"]).idxmin(), "method"]
            == one.loc[(one["truth"] * one["sign"]).idxmin(), "method"]
            for _, one in part.groupby("case")
        ]
        over = spearmanr(part["held"], part["truth"]).statistic
        lines.append(
            f"| {task} | {measure} | {len(part)} | {over:.2f} | {np.nanmean(within):.2f} | "
            f"{sum(best)} of {len(best)} |"
        )
    head = "truly better than that baseline, by the measure named"
    lines += ["", f"| task | verdict | cases and methods | {head} |", "|---|---|---|---|"]
    gains = _gains(table)
    for (task, outcome), part in gains.groupby(["task", "outcome"], sort=False):
        lines.append(f"| {task} | {outcome} | {len(part)} | {(part['true'] > 0).sum()} |")
    lines += [
        "",
        "| task | rank correlation of stated and true gain over that baseline |",
        "|---|---|",
    ]
    for task, part in gains.groupby("task", sort=False):
        lines.append(f"| {task} | {spearmanr(part['held'], part['true']).statistic:.2f} |")
    return "\n".join([*lines, *_pairs(table)])


def _gains(table: pd.DataFrame) -> pd.DataFrame:
    """Return by how much each method is better than the best baseline, as held out and in truth.

    By the measure that its verdict names: the first of the task, unless it is better by another.
    """
    found = []
    baselines = {
        task: [info.name for info in methods_for(task) if info.page == "baselines"]
        for task in table["task"].unique()
    }
    for (task, _, measure), part in table.groupby(["task", "case", "measure"], sort=False):
        for _, row in part.iterrows():
            by_distances = "better than its baselines by relative error" in row["verdict"]
            if task == "place" and (measure == "stress") != by_distances:
                continue
            others = part[part["method"].isin(baselines[task])]
            others = others[others["method"] != row["method"].partition(":")[0]]
            best = others.loc[(others["held"] * others["sign"]).idxmin()]
            held, true = (best[of] - row[of] for of in ("held", "truth"))
            gain = {"held": held * row["sign"], "true": true * row["sign"]}
            found.append({"task": task, "outcome": row["outcome"], **gain})
    return pd.DataFrame(found)


def _pairs(table: pd.DataFrame) -> list[str]:
    """Return how often held-out truth orders two methods of a case, and whether rightly.

    An order is clear if the difference of their errors, over the same draws of blocks, lies on one
    side of 0 in its 95% interval.
    """
    lines = [
        "",
        "| task | measure | pairs | clear, right | clear, wrong | not clear (right order) |",
    ]
    lines.append("|---|---|---|---|---|---|")
    wrong = []
    for (task, measure), all_cases in table.groupby(["task", "measure"], sort=False):
        count = {"right": 0, "wrong": 0, "unclear": 0, "unclear right": 0}
        for case, part in all_cases.groupby("case", sort=False):
            for (_, one), (_, other) in combinations(part.iterrows(), 2):
                drawn = [np.array(row["draws"][measure]) * row["sign"] for row in (one, other)]
                low, high = np.percentile((drawn[0] - drawn[1])[1:], [2.5, 97.5])
                held = (one["held"] - other["held"]) * one["sign"]
                true = (one["truth"] - other["truth"]) * one["sign"]
                agrees = held * true > 0
                if low <= 0 <= high:
                    count["unclear"] += 1
                    count["unclear right"] += agrees
                elif agrees:
                    count["right"] += 1
                else:
                    count["wrong"] += 1
                    names = [row["method"] for row in (one, other)]
                    better, worse = names if held < 0 else names[::-1]
                    wrong.append(
                        f"- {task}, {case}, {measure}: {better} before {worse} by "
                        f"{abs(held):.3f}, in truth behind by {abs(true):.3f}"
                    )
        total = count["right"] + count["wrong"] + count["unclear"]
        lines.append(
            f"| {task} | {measure} | {total} | {count['right']} | {count['wrong']} | "
            f"{count['unclear']} ({count['unclear right']}) |"
        )
    return [*lines, "", "Clear and wrong:", "", *wrong]
