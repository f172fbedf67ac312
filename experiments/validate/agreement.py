"""The error that `validate` finds on held-out truth beside the true error, over cases and methods.

    OMP_NUM_THREADS=1 python -m experiments.validate.agreement --data DIR [--seed 0] --out FILE.json
        [--tasks place ...] [--methods knn ...] [case ...]

`validate` sees only what a user of the case has: reference slides, a reference, a slide without the
genes of the first fold, or the spots. The true error is that of the task's own run on the case, by
the same measure. Rows that FILE.json has are not run again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import jensenshannon

import napari_spatialrecon as sr
from experiments.data import add_data_option, run
from experiments.super_resolve.cases import column_correlation
from experiments.validate.agreement_tables import summary
from napari_spatialrecon.comparison.cases import genes, mixtures, places, splits
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.intervals import block_draws, stress_of
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.storage import write_json
from napari_spatialrecon.tasks.validation.problem import Answer
from napari_spatialrecon.tasks.validation.validating import plan_validation
from napari_spatialrecon.tissue.subspots import Factor

#: Cases and methods of each task; a method may have settings behind a colon.
CASES = {
    "place": ("her2", "mob", "starmap", "embryo"),
    "deconvolve": mixtures.CASES,
    "impute-genes": ("bdtnp", "mop"),
    "super-resolve": ("embryo", "mpoa", "molcart-A1", "xenium"),
}
METHODS = {
    "place": ("knn", "ridge", "dpvae", "come", "gears"),
    "deconvolve": ("knn", "nnls", "nnls:loss=counts", "come"),
    "impute-genes": ("knn", "mapping", "come", "spadit"),
    "super-resolve": ("uniform", "bilinear", "bicubic", "gaussian", "srast"),
}
#: Most genes whose split is compared with the truth, those with the most counts.
_GENES = 100
Given = dict[str, Any]
Truth = Callable[[Given], dict[str, float]]


def place(name: str, data: DataFolder) -> tuple[Given, Truth]:
    """Return what `validate` gets of a case, and the true errors of placing its query."""
    case = places.load(name, data)
    known = case.truth[case.prepared()[1].kept]

    def true(more: Given) -> dict[str, float]:
        found = sr.place(case.slides, case.cells, **more).adata.obsm["spatial"]
        if not case.same_frame:
            found = fit_pose(found, known, reflection=True, scaling=False).apply(found)
        some = np.linspace(0, len(known) - 1, min(1000, len(known))).astype(int)
        stress = stress_of([(known[some], found[some], np.zeros(len(some), int))])
        off = np.median(np.linalg.norm(found - known, axis=1))
        center = np.median(np.linalg.norm(known - known.mean(axis=0), axis=1))
        return {"stress": float(stress(np.ones((1, 1)))[0]), "center": float(off / center)}

    return {"references": case.slides, "query": case.cells}, true


def deconvolve(name: str, data: DataFolder) -> tuple[Given, Truth]:
    """Return what `validate` gets of a case, and the true errors of its spots."""
    spots, cells, truth, column = mixtures.load(name, data)
    shares = truth.obsm["proportions"]

    def true(more: Given) -> dict[str, float]:
        found = sr.deconvolve(spots, cells, column, **more)
        types = [str(t) for t in found.adata.uns["spatialrecon"]["types"]]
        wanted = shares.reindex(columns=types, fill_value=0.0).to_numpy(float)
        errors = jensenshannon(wanted, found.proportions.to_numpy(float), base=2, axis=1)
        return {"js_distance": float(np.nan_to_num(errors).mean())}

    return {"slide": spots, "reference": cells, "labels": column}, true


def impute(name: str, data: DataFolder) -> tuple[Given, Truth]:
    """Return a slide without a fold of its genes, and the true errors of their maps."""
    case = genes.load(name, data)
    fold = case.folds[0]
    seen = case.slide[:, [g for g in case.slide.var_names if g not in set(fold)]].copy()

    def true(more: Given) -> dict[str, float]:
        found = np.asarray(sr.impute_genes(seen, case.cells, fold, **more).adata.X)
        each = column_correlation(found, case.truth[fold].to_numpy())
        return {"correlation": float(each.mean())}

    return {"slide": seen, "reference": case.cells}, true


def split(name: str, data: DataFolder) -> tuple[Given, Truth]:
    """Return spots, and the true errors of their parts."""
    case = splits.load(name, data, Factor(2, 2))
    totals = np.asarray(case.spots.X.sum(axis=0)).ravel()
    some = np.sort(np.argsort(-totals, kind="stable")[:_GENES])
    slide = case.spots[:, some].copy()
    truth = case.truth.X[:, some].toarray().astype(float)

    def true(more: Given) -> dict[str, float]:
        found = sr.super_resolve(slide, "2x2", **more).adata
        parts = found.X.toarray().astype(float)
        return {"correlation": float(column_correlation(parts, truth).mean())}

    return {"slide": slide}, true


LOAD = {"place": place, "deconvolve": deconvolve, "impute-genes": impute, "super-resolve": split}


def rows(asked: argparse.Namespace, known: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a row for each case and method that is not known yet."""
    done = {(r["task"], r["case"], r["method"], r["seed"]) for r in known}
    for task in asked.tasks:
        for name in CASES[task]:
            wanted = [m for m in METHODS[task] if not asked.methods or m in asked.methods]
            left = [m for m in wanted if (task, name, m, asked.seed) not in done]
            if not left or (asked.case and name not in asked.case):
                continue
            given, true = LOAD[task](name, asked.data)
            for method in left:
                yield _row(task, name, method, asked.seed, given, true)


def _row(task: str, name: str, method: str, seed: int, given: Given, true: Truth) -> dict[str, Any]:
    named, _, setting = method.partition(":")
    more: Given = {"method": named, "seed": seed, "device": "cpu"}
    if setting:
        more["settings"] = dict([setting.split("=")])
    start = time.process_time()
    plan = plan_validation(task, **given, **more)
    answers: list[Answer] = []
    answer_of = plan.problem.answer

    def answer(*asked: Any) -> Answer:
        answers.append(answer_of(*asked))
        return answers[-1]

    plan.problem.answer = answer  # type: ignore[method-assign]
    found = plan.run()
    middle = time.process_time()
    truth = true(more)
    own, trivial = found.scores[0], found.scores[-1]
    weights = block_draws(found.n_blocks, seed)
    draws = {
        measure.own: [round(float(x), 5) for x in statistic(weights)]
        for measure, statistic in zip(found.measures, answers[0].statistics, strict=True)
        if statistic is not None
    }
    held_out = {m.own: v.value for m, v in zip(found.measures, own.values, strict=True) if v}
    if task == "place" and own.values[0] and trivial.values[0]:
        held_out["center"] = own.values[0].value / trivial.values[0].value
        draws["center"] = draws.pop(found.measures[0].own)
    return {
        "task": task,
        "case": name,
        "method": method,
        "seed": seed,
        "held_out": held_out,
        "true": truth,
        "draws": draws,
        "outcome": found.outcome,
        "verdict": found.verdict,
        "seconds": [middle - start, time.process_time() - middle],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", help="of the tasks; all by default")
    add_data_option(parser)
    parser.add_argument("--tasks", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--methods", nargs="+", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON of every row")
    asked = parser.parse_args()
    found = json.loads(asked.out.read_text()) if asked.out.exists() else []
    for row in rows(asked, found):
        found.append(row)
        write_json(asked.out, found)
        print(
            json.dumps({k: v for k, v in row.items() if k not in ("verdict", "draws")}), flush=True
        )
    print(summary(found))


if __name__ == "__main__":
    run(main)
