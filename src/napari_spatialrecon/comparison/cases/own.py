"""A case made of a user's own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.comparison.cases.problem import Problem

#: Arguments that each task needs; of genes, the slide itself is the answer.
NEEDED = {
    "place": ("reference", "query"),
    "impute-genes": ("slide", "reference"),
    "deconvolve": ("slide", "reference", "labels", "truth"),
    "super-resolve": ("slide", "truth"),
}
#: Folds that the shared genes are hidden in.
FOLDS = 5


@dataclass(frozen=True)
class OwnFiles:
    """Files of a case.

    Parameters
    ----------
    reference
        Slides to place on, or one table of cells.
    truth
        Of a placement, cells with their places (the query's own if none is given); of mixtures, a
        table of shares (csv) or spots with ``obsm["proportions"]``; of a split, the finer bins.
    labels
        Column of the reference's cell types.
    """

    task: str
    name: str = "mine"
    reference: tuple[str, ...] = ()
    query: str = ""
    slide: str = ""
    truth: str = ""
    labels: str = ""
    factor: str = "2x2"

    def __post_init__(self) -> None:
        """Refuse a case that lacks a file.

        Raises
        ------
        InputError
            The task is unknown, or an argument is missing.
        """
        if self.task not in NEEDED:
            raise InputError(
                f"Expected a task, found {self.task!r}.",
                remedy=f"Try {argument('task', 'place')}, or one of {', '.join(NEEDED)}.",
            )
        lacking = [key for key in NEEDED[self.task] if not getattr(self, key)]
        if lacking:
            raise InputError(
                f"Expected {' and '.join(NEEDED[self.task])} for a case of {self.task}, "
                f"found no {' and no '.join(lacking)}.",
                remedy=f"Try with {argument(lacking[0])}.",
            )

    @property
    def case(self) -> str:
        """Its name among the cases."""
        return f"{self.task}/{self.name}"

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> OwnFiles:
        """Return what `to_dict` told of."""
        return cls(**{**stored, "reference": tuple(stored["reference"])})

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments, paths made absolute."""
        told = asdict(self)
        for key in ("query", "slide", "truth"):
            told[key] = str(Path(told[key]).resolve()) if told[key] else ""
        return {**told, "reference": [str(Path(path).resolve()) for path in self.reference]}

    def problem(self) -> Problem:
        """Read the files and hide the answer."""
        made: Problem = getattr(self, f"_{self.task.replace('-', '_')}")()
        return made

    def _place(self) -> Problem:
        from napari_spatialrecon.comparison.cases.problem import Part, Problem, places
        from napari_spatialrecon.evaluation.hiding import hide_places
        from napari_spatialrecon.tissue.formats.naming import numbered, table_name

        query = _read(self.query)
        answer = _read(self.truth) if self.truth else query
        names = numbered([table_name(Path(path)) for path in self.reference])
        slides = {f"reference/{n}": _read(p) for n, p in zip(names, self.reference, strict=True)}
        hidden = hide_places(query)
        return Problem("place", (Part({"query": hidden, **slides}),), places(answer))

    def _impute_genes(self) -> Problem:
        from napari_spatialrecon.comparison.cases.genes import folded, measured
        from napari_spatialrecon.evaluation.protocols import kfold_genes

        slide, cells = _read(self.slide), _read(self.reference[0])
        truth = measured(slide)
        shared = [g for g in truth.columns[truth.std() > 0] if g in set(cells.var_names)]
        if len(shared) < FOLDS:
            raise InputError(
                f"Expected at least {FOLDS} genes that vary on the slide and are in the reference, "
                f"to hide a part of them at a time, found {len(shared)}.",
                remedy="Try a reference of the same species with the same names of genes.",
            )
        return folded(slide, cells, kfold_genes(shared, FOLDS), truth)

    def _deconvolve(self) -> Problem:
        from napari_spatialrecon.comparison.cases.mixtures import mixed, shares
        from napari_spatialrecon.evaluation.mixture_metrics import proportions_of
        from napari_spatialrecon.methods.mixtures.base import read_types
        from napari_spatialrecon.tasks.known_shares import read_shares
        from napari_spatialrecon.tissue.formats.naming import table_name

        if Path(self.truth).suffix == ".csv":
            known = read_shares(self.truth)
        else:
            known = proportions_of(_read(self.truth), "truth")
        cells = _read(self.reference[0])
        read_types(cells, self.labels, table_name(Path(self.reference[0])))
        return mixed(_read(self.slide), cells, self.labels, shares(known))

    def _super_resolve(self) -> Problem:
        from napari_spatialrecon.comparison.cases.problem import Part, Problem, bare

        part = Part({"slide": bare(_read(self.slide))}, {"factor": self.factor})
        return Problem("super-resolve", (part,), bare(_read(self.truth)))


def _read(path: str) -> AnnData:
    from napari_spatialrecon.tissue.read import read_adata

    return read_adata(path)
