"""dp-VAE's table I, figure 9 and fine-tuning (section 5.4) on sections of real tissue.

    OMP_NUM_THREADS=1 python -m experiments.place.dpvae_paper --data DIR
        [--seeds 3] [--networks 1] [decoders] [alpha] [located]

`decoders`: features, counts under a negative binomial, with the slide told as batch, and scVI's
networks where scvi-tools is installed. `alpha`: the weight of the distance loss. `located`: a
network trained on the other sections, fine-tuned on a few located cells of the section to place,
beside one trained on those cells alone, and the network as it is with them as landmarks (eq. 7);
measured on the cells that are left. `quick` without its
validation. The matrix of figure 10 is `spatialrecon transfer`.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.places import load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.dpvae.model import DPVAE
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared, prepare_query, prepare_slide
from napari_spatialrecon.tissue.slots import SPATIAL

CASES = ("her2", "starmap")
SHOWN = ("spearman", "edge_auc", "trust20", "procrustes", "swd")
COUNTS = {"network.likelihood": "nb"}
DECODERS: dict[str, dict[str, Any]] = {
    "features": {},
    "features, slide told": {"network.batch": "slide"},
    "counts": COUNTS,
    "counts, slide told": COUNTS | {"network.batch": "slide"},
    "counts, weight 1": COUNTS | {"reconstruction": 1.0},
    "scVI": COUNTS | {"network.backbone": "scvi", "network.layers": 1},
    "scVI, slide told": COUNTS
    | {"network.backbone": "scvi", "network.layers": 1, "network.batch": "slide"},
}
ALPHAS = (0.0, 0.1, 1.0, 10.0, 100.0, 1000.0)
LOCATED = (5, 10, 20, 50)


def config(networks: int, **values: Any) -> DPVAEConfig:
    """Return `quick` with so many networks, without validation."""
    return DPVAEConfig().with_values({"validate": False, "members": networks, **values})


def line(case: str, seeds: int, what: str, found: Sequence[dict[str, float]]) -> str:
    """Return a row of a table: the mean over seeds and its deviation."""
    cells = []
    for metric in SHOWN:
        values = [each[metric] for each in found]
        cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
    return f"| {case} | {what} | {seeds} | {' | '.join(cells)} |"


def swept(
    name: str, data: DataFolder, asked: argparse.Namespace, ways: dict[str, dict[str, Any]]
) -> Iterator[str]:
    slides, cells, truth = load(name, data).prepared()
    for way, values in ways.items():
        if asked.ways and way not in asked.ways:
            continue
        found = []
        for seed in range(asked.seeds):
            model = DPVAE(config(asked.networks, **values)).fit(slides, cells, Run(seed))
            found.append(place_metrics(truth, model.place(cells).layout, seed=seed))
        yield line(name, asked.seeds, way, found)


def located(name: str, data: DataFolder, asked: argparse.Namespace) -> Iterator[str]:
    """Yield rows for each number of located cells, drawn at random by the seed."""
    case = load(name, data)
    slides, cells, truth = case.prepared()
    ways: dict[str, list[dict[str, float]]] = {}
    for seed in range(asked.seeds):
        base = DPVAE(config(asked.networks)).fit(slides, None, Run(seed))
        order = np.random.default_rng(seed).permutation(len(truth))
        rest = order[max(LOCATED) :]
        query = _rows(cells, rest)
        measured = place_metrics(truth[rest], base.place(query).layout, seed=seed)
        ways.setdefault("0 located", []).append(measured)
        for count in LOCATED:
            marks = Landmarks(order[:count], truth[order[:count]])
            solved = base.impute(cells, marks, um_per_unit=case.um).coordinates
            measured = place_metrics(truth[rest], solved[rest], seed=seed)
            ways.setdefault(f"{count} located, landmarks", []).append(measured)
        for count in LOCATED:
            known = _slide(case.cells[cells.kept], order[:count], truth, slides[0])
            for way, start in (("fine-tuned", base), ("alone", None)):
                steps = {"training.steps": asked.steps} if start else {}
                try:
                    made = DPVAE(config(asked.networks, **steps))
                    made = made.fit([known], None if start else query, Run(seed), start_from=start)
                    layout = made.place(query).layout
                except SpatialReconError as error:
                    print(f"{name}, {count} located, {way}: {error}", flush=True)
                    continue
                measured = place_metrics(truth[rest], layout, seed=seed)
                ways.setdefault(f"{count} located, {way}", []).append(measured)
    for way, found in ways.items():
        yield line(name, asked.seeds, way, found)


def _rows(cells: Prepared, rows: np.ndarray) -> Prepared:
    return prepare_query(cells.adata[rows].copy(), "rest")


def _slide(cells: Any, rows: np.ndarray, truth: np.ndarray, like: Prepared) -> Prepared:
    """Return located cells as a slide, in the unit of another."""
    slide = cells[rows].copy()
    slide.obsm[SPATIAL] = truth[rows]
    slide.uns["spatialrecon"] = like.adata.uns["spatialrecon"]
    return replace(prepare_slide(slide, "located", min_counts=1), name="located")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["decoders", "alpha", "located"])
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--networks", type=int, default=1)
    parser.add_argument("--ways", nargs="+", help="only these of the decoders or alphas")
    parser.add_argument("--steps", type=int, default=100, help="of fine-tuning")
    add_data_option(parser)
    asked = parser.parse_args()
    print(f"| case | | seeds | {' | '.join(SHOWN)} |\n|---|---|---:|{'---:|' * len(SHOWN)}")
    decoders = dict(DECODERS)
    if importlib.util.find_spec("scvi") is None:
        decoders = {name: values for name, values in decoders.items() if "scVI" not in name}
    ways = {
        "decoders": decoders,
        "alpha": {f"alpha {alpha:g}": {"alpha": alpha} for alpha in ALPHAS},
    }
    for what in asked.what:
        for name in asked.cases:
            found = located(name, asked.data, asked)
            if what in ways:
                found = swept(name, asked.data, asked, ways[what])
            for each in found:
                print(each, flush=True)


if __name__ == "__main__":
    run(main)
