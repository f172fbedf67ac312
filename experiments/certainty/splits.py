"""Coverage of the spread of parts of spots where the true parts are known.

    python -m experiments.certainty.splits --data DIR [case ...] [--genes 16] [--every 3]

SRast with draws. Share of true counts within two spreads: as scaled on the slide seen coarser;
as stated, grown by what they grow from the slide seen coarser still to it; the factor of both, and
what the truth would have asked for; mean spread stated and root-mean-square error, in counts; and
how many blocks of spots, and blocks of blocks, tell this. Genes are drawn evenly from the 100 with
the most counts. Parts of spots without counts of the gene are left out. The truth only judges.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.splits import NAMES, load
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.methods.srast.model import SRast
from napari_spatialrecon.methods.super_resolution.base import SplitBlock
from napari_spatialrecon.methods.super_resolution.coarse_check import (
    LEAST_STILL,
    LEVEL,
    SPREADS,
    CoarseCheck,
    scaled,
    split_blocks,
)
from napari_spatialrecon.methods.super_resolution.coarse_problem import CoarseProblem
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tasks.super_resolving import parts_of
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.subspots import parse_factor

MOST = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(NAMES))
    add_data_option(parser)
    parser.add_argument("--genes", type=int, default=16, help="genes that are split and judged")
    parser.add_argument("--every", type=int, default=3, help="every so manieth gene calibrates")
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--adapt", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    head = (
        "case",
        "coarser",
        "stated",
        "growth",
        "asked for",
        "spread",
        "error",
        "blocks",
        "still",
    )
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name in asked.case:
        print(f"| {name} | {' | '.join(measure(name, asked))} |", flush=True)


def measure(name: str, asked: argparse.Namespace) -> list[str]:
    """Return the row of a case."""
    slide_name = name.removesuffix("-2x5")
    factor = parse_factor("2x2" if slide_name == name else "2x5")
    case = load(slide_name, asked.data, factor)
    slide = contract.prepare_slide(case.spots, slide_name)
    parts = parts_of(slide, factor)
    config = SRastConfig().with_values({"flow.draws": asked.draws, "adapt.steps": asked.adapt})
    run_ = Run(asked.seed, "cpu", Reporter())
    genes = _genes(case.spots.X, asked.genes)
    block = SRast(config).fit(slide, parts, run_).split(genes, Reporter())
    near, far = _checks(config, slide, parts, asked.every, run_)
    near = replace(near, coarser=far)
    truth = case.truth.X[:, genes].toarray().astype(float)
    k = len(parts.offsets)
    before, now = (_judged(truth, block, scale, k) for scale in (near.scale(), near.finer(k)))
    growth = near.widened(k)
    stated = "–" if growth is None else f"{now[0]:.3f}"
    grown = "–" if growth is None else f"{growth:.2f}"
    shown = before if growth is None else now
    blocks = [0 if c is None else len(c.truth) // c.parts for c in (near, far)]
    wanted = f"{before[1]:.2f}"
    return [f"{before[0]:.3f}", stated, grown, wanted, *shown[2:], *map(str, blocks)]


def _genes(counts: csr_matrix, n: int) -> np.ndarray:
    total = np.asarray(counts.sum(axis=0)).ravel()
    most = np.argsort(-total, kind="stable")[:MOST]
    columns = np.sort(most[:: max(1, len(most) // n)])
    return columns[total[columns] > 0]


def _checks(config, slide, parts, every: int, run_: Run) -> tuple[CoarseCheck, CoarseCheck | None]:
    found = []
    for least in (None, LEAST_STILL):
        problem = CoarseProblem.of(slide, parts, least)
        if problem is None:
            break
        slide, parts = problem.slide, problem.parts
        thin = replace(problem, genes=problem.genes[::every], truth=problem.truth[:, ::every])
        found.append(split_blocks(SRast(config), thin, run_.within("coarser")))
    return found[0], found[1] if len(found) > 1 else None


def _judged(truth: np.ndarray, block: SplitBlock, scale: np.ndarray | None, parts: int):
    """Return coverage, the factor that would have held `LEVEL`, and mean spread and error."""
    if scale is None:
        return ()
    values = block.values.toarray()
    spread = scaled(block, scale, parts).spread.toarray()
    filled = np.repeat(values.reshape(-1, parts, values.shape[1]).sum(axis=1), parts, axis=0) > 0
    away, spread = np.abs(truth - values)[filled], spread[filled]
    asked = float(np.quantile(away / (SPREADS * np.maximum(spread, 1e-9)), LEVEL))
    sizes = (f"{np.sqrt((x**2).mean()):.2f}" for x in (spread, away))
    return ((away <= SPREADS * spread).mean(), asked, *sizes)


if __name__ == "__main__":
    run(main)
