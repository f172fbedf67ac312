"""What speaks against a result: everything that applies to this run, in one list."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.provenance import versions
from napari_spatialrecon.report.inputs import CHANGED, MISSING, NOT_CHECKED, UNREADABLE, Input
from napari_spatialrecon.report.methods import brief
from napari_spatialrecon.report.parts import Line, Section, listed
from napari_spatialrecon.report.places import uncertainty_caveats
from napari_spatialrecon.report.run import PLACING, Run
from napari_spatialrecon.report.settings import preset_of
from napari_spatialrecon.report.tried import choice_of
from napari_spatialrecon.report.validation import verdict
from napari_spatialrecon.tasks.placement_trust import diagnostics
from napari_spatialrecon.tissue import contract

_OURS = "napari-spatialrecon"
#: Overlap of outlines below which the registration of two H&E images is doubtful.
_OVERLAP = 0.7


def caveats_of(run: Run, inputs: list[Input]) -> list[Line]:
    """Return the caveats, the gravest first."""
    lines: list[Line] = []
    found = verdict(run)
    if found.doubtful and run.task != "deconvolve":
        lines.append(("warning", found.text))
    elif not found.measured and run.task != "deconvolve":
        lines.append(("warning", f"Not validated: {found.text}"))
    lines += [("warning", text) for text in run.warnings]
    if run.task in PLACING:
        lines += _of_places(run)
    lines += _of_inputs(inputs)
    if run.ignored:
        lines.append(
            (
                "warning",
                f"{run.ignored} is not the record of this table: it was changed, or is of another "
                "run. It was ignored; what stands here is what the table itself holds, which has "
                "no times.",
            )
        )
    lines += _of_version(run)
    lines += _of_method(run)
    order = {"wrong": 0, "warning": 1, "quiet": 2}
    return sorted(dict.fromkeys(lines), key=lambda line: order[line[0]])


def caveats_section(lines: list[Line], notes: tuple[str, ...]) -> Section:
    """Return the caveats, and the messages of the run below them."""
    said = () if lines else ("Nothing that the program checks speaks against this result.",)
    after = tuple(f"Note: {note}" for note in notes)
    return Section("caveats", "Caveats", said, tuple(lines), after=after)


def _of_places(run: Run) -> list[Line]:
    lines = [line for line in diagnostics(run.adata) if line[0] != "good"]
    overlap = run.metrics.get("registration_overlap", np.nan)
    if overlap < _OVERLAP:
        text = f"The outlines of the two H&E images overlap by {overlap:.0%} only: the pose of the "
        lines.append(("warning", text + "whole result is doubtful."))
    lines += uncertainty_caveats(run)
    if contract.um_per_unit(run.adata) is None:
        lines.append(("warning", "The scale is unknown: lengths are not in µm."))
    return lines


def _of_inputs(inputs: list[Input]) -> list[Line]:
    words = {
        CHANGED: ("wrong", "Changed since the run, by their hash: {}."),
        MISSING: ("warning", "Not found, so neither hash nor quality was checked: {}."),
        UNREADABLE: ("warning", "Could not be read again: {}."),
        NOT_CHECKED: ("quiet", "Hash not checked: {}."),
    }
    lines = []
    for state, (tone, text) in words.items():
        if names := [one.name for one in inputs if one.state == state]:
            lines.append((tone, text.format(listed(names))))
    if not inputs:
        lines.append(("warning", "The record names no inputs."))
    return lines


def _of_version(run: Run) -> list[Line]:
    then = (run.record.get("versions") or {}).get(_OURS)
    now = versions().get(_OURS)
    if then is None:
        return [("warning", "The record does not say which version made the result.")]
    if then != now:
        return [
            (
                "warning",
                f"Made by version {then}; this report by {now}, which may compute different "
                "numbers. Settings are listed under their present names.",
            )
        ]
    return []


def _of_method(run: Run) -> list[Line]:
    lines: list[Line] = []
    if run.info is None:
        text = f"The method {run.record.get('method')!r} is not in this version."
        return [("warning", text)]
    if preset_of(run) == "quick" and "standard" in run.info.config().presets():
        text = "Made with the preset quick; standard takes longer and may be better."
        lines.append(("quiet", text))
    choice = choice_of(run)
    for info in [run.info] if choice is None else choice.infos:
        if limit := brief(info).get("Not when"):
            text = f"According to its page, {info.short_title} should not be used when {limit}"
            lines.append(("quiet", text))
    return lines
