"""The method in two sentences, and the run as a paragraph for a paper."""

from __future__ import annotations

import re
from collections.abc import Callable

from napari_spatialrecon.hyperparameters import word
from napari_spatialrecon.methods.citations import Citation, citation
from napari_spatialrecon.methods.pages import method_brief
from napari_spatialrecon.methods.registry import MethodInfo
from napari_spatialrecon.report.inputs import Input
from napari_spatialrecon.report.parts import Section, listed
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.report.settings import changed, preset_of
from napari_spatialrecon.report.tried import choice_of
from napari_spatialrecon.report.validation import bars_of, verdict

_ITEM = re.compile(r"^- \*\*(.+?)\*\* (.+)$", re.MULTILINE)
_MOST_SETTINGS = 8


def brief(info: MethodInfo) -> dict[str, str]:
    """Return what a method "Assumes", "Needs", "Costs" and when it is not meant ("Not when")."""
    return {key: text.replace("`", "") for key, text in _ITEM.findall(method_brief(info))}


def method_section(run: Run) -> Section:
    """Return the method in two sentences, with the paper it is from."""
    choice, infos = choice_of(run), _infos(run)
    if not infos:
        return Section("method", "Method", (f"{run.method} is not in this version.",))
    said = []
    if choice is not None:
        said.append(
            f"Auto tried {len(choice.tried)} methods on {choice.held_out} and used {choice.title}."
        )
    for info in infos:
        paper = citation(info)
        assumed = brief(info).get("Assumes", "").partition(". ")[0].rstrip(".")
        by = f" ({paper.short})" if paper else ""
        first = f"{info.short_title}{by}: {info.summary[:1].lower()}{info.summary[1:]}"
        said.append(first + (f" It assumes {assumed}." if assumed else ""))
        said.append(
            f"{paper.full} Written anew for napari-spatialrecon from the paper."
            if paper
            else "A baseline of napari-spatialrecon, without a paper of its own."
        )
    return Section("method", "Method", tuple(said))


def _infos(run: Run) -> list[MethodInfo]:
    """Return the method of a run, or those whose mean it is."""
    choice = choice_of(run)
    if choice is not None:
        return choice.infos
    return [] if run.info is None else [run.info]


def paragraph_section(
    run: Run, inputs: list[Input], done: Callable[[Run, list[Input]], str]
) -> Section:
    """Return a paragraph to be put into a paper, with its references."""
    papers = [paper for info in _infos(run) if (paper := citation(info)) is not None]
    text = " ".join(
        filter(
            None,
            (
                _what(run, papers, done(run, inputs)),
                _with(run),
                _inputs(inputs),
                _how_good(run),
            ),
        )
    )
    references = tuple(f"Reference: {paper.full}" for paper in papers)
    return Section("paragraph", "Methods paragraph", code=text, after=references)


def _what(run: Run, papers: list[Citation], done: str) -> str:
    infos, choice = _infos(run), choice_of(run)
    cited = f" ({'; '.join(paper.short for paper in papers)})" if papers else ""
    title = infos[0].short_title if infos else run.method
    if choice is not None:
        title = choice.title
    baseline = "the baseline " if [info.page for info in infos] == ["baselines"] else ""
    version = (run.record.get("versions") or {}).get("napari-spatialrecon", "of unknown version")
    how = ""
    if choice is not None:
        how = f", chosen among {len(choice.tried)} methods by their error on {choice.held_out}"
    return f"{done} {baseline}{title}{cited}{how}, as implemented in napari-spatialrecon {version}."


def _with(run: Run) -> str:
    hand = [f"{name} = {word(value)}" for name, value in changed(run).items()]
    if not hand:
        also = "no setting changed"
    elif len(hand) <= _MOST_SETTINGS:
        also = listed(hand)
    else:
        also = f"{len(hand)} settings changed (listed in the supplement)"
    seed = run.record.get("seed", "unknown")
    return f"The preset was {preset_of(run)} with {also}; the random seed was {seed}."


def _inputs(inputs: list[Input]) -> str:
    known = [one for one in inputs if one.prepared is not None]
    if not known:
        return ""
    parts = []
    for one in known:
        assert one.prepared is not None
        rows = "cells" if one.role == "cells" else "spots"
        n = one.prepared.adata.n_obs
        parts.append(f"{one.name} ({n:,} {rows}, {one.prepared.adata.n_vars:,} genes)")
    return f"Inputs were {listed(parts)}."


def _how_good(run: Run) -> str:
    if run.task == "deconvolve":
        found = run.metrics.get("marker_agreement")
        if found is None:
            return ""
        return (
            "The shares of the more frequent types and the expression of their marker genes had a "
            f"median Spearman correlation of {found:.2f} over the spots."
        )
    return verdict(run).text if bars_of(run) or run.task != "deconvolve" else ""
