"""GEARS' learned encoder compared with joint principal components as input to placement.

    python -m experiments.place.encoder --data DIR [--preset quick] [--seeds 3] \
        [--set key=value ...] [--ablate] [case ...]

Cells are placed by the `knn` baseline on either input (cosine, with directions that vary in space).
Prints, for each case, Spearman / edge AUC / trust@20 against the truth, and how well slides and
query are mixed (normalised entropy / iLISI / balanced probe; two samples of one distribution reach
.96 / .63 / .50). The true positions of the fly's cells are unknown: there the columns are the
stress of random held-out spots, and the correlation over the embryo between measured expression of
genes absent from all inputs and its prediction from the 20 cells placed nearest. `--ablate` adds a
row for each part of the encoder that is omitted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import spearmanr

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.places import CELLS, SECTIONS, SIMULATED
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.evaluation.protocols import hold_out_cells, kfold_genes
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.methods.encoders.mixing import balanced_rows, domain_mixing
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.placement.knn import align_slides
from napari_spatialrecon.methods.placement.posterior import knn_posterior, spatial_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared, prepare_query, prepare_slide
from napari_spatialrecon.tissue.preprocess import log_depth
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate

KNN = KnnConfig()
#: Rows of `--ablate`: what is left out, and the settings that leave it out.
ABLATIONS = {
    "invariance": ["vicreg.invariance=0"],
    "variance": ["vicreg.variance=0"],
    "covariance": ["vicreg.covariance=0"],
    "adversary": ["adversary.weight=0"],
    "MMD": ["alignment.mmd=0"],
    "CORAL": ["alignment.coral=0"],
    "local alignment": ["alignment.local=0"],
    "all alignment": [
        "adversary.weight=0",
        "alignment.mmd=0",
        "alignment.coral=0",
        "alignment.local=0",
    ],
    "gene dropout": ["views.dropout=0"],
    "noise": ["views.noise=0"],
    "components": ["preprocess.components=0"],
}


@dataclass(frozen=True)
class Case:
    slides: list[Prepared]
    cells: Prepared
    truth: np.ndarray | None = None


@dataclass(frozen=True)
class Embedded:
    """Slides and cells in one space, centred together, and how others come into it."""

    reference: Reference
    cells: np.ndarray
    others: Callable[[Prepared], np.ndarray]


Embed = Callable[[list[Prepared], Prepared], Embedded]


def load(name: str, data: DataFolder) -> Case:
    if name == "fly":
        atlas = data.read("drosophila_bdtnp/atlas_bdtnp.h5ad")
        atlas.var_names = atlas.var["scrna_name"].astype(str)
        cells = data.read("drosophila_bdtnp/scrna_dropseq.h5ad")
        return Case(
            [prepare_slide(atlas, "atlas", counts_needed=False)], prepare_query(cells, "Drop-seq")
        )
    if name in SIMULATED:
        made = simulate("cortex", SimulatorConfig().with_values(SIMULATED[name]), seed=0)
        slides, query = {f"section{i}": s for i, s in enumerate(made.slides)}, made.cells
        truth = made.truth[["x", "y"]].to_numpy()
    elif name in CELLS:
        spots, query, truth = hold_out_cells(data.read(CELLS[name]))
        slides = {"spots": spots}
    else:
        folder, sections, section = SECTIONS[name]
        slides = {s: data.read(f"{folder}/{s}.h5ad") for s in sections}
        whole = data.read(f"{folder}/{section}.h5ad")
        query, truth = hide_places(whole), np.asarray(whole.obsm["spatial"], float)
    cells = prepare_query(query, "query")
    return Case([prepare_slide(a, n) for n, a in slides.items()], cells, truth[cells.kept])


def joint_pca(slides: list[Prepared], cells: Prepared) -> Embedded:
    reference, features = Reference.fit(slides, cells, PreprocessConfig(), seed=0)
    return Embedded(reference, features, lambda table: reference.space.transform(table)[0])


def learned(config: EncoderConfig, seed: int) -> Embed:
    def embed(slides: list[Prepared], cells: Prepared) -> Embedded:
        encoder = Encoder(config).fit(slides, cells, Run(seed=seed))
        reference, _ = Reference.fit(slides, cells, PreprocessConfig(), seed=0)
        z = [encoder.embed(table) for table in (*slides, cells)]
        centre = np.concatenate(z).mean(axis=0)
        features = tuple(x - centre for x in z[:-1])
        reference = replace(reference, features=features)
        return Embedded(reference, z[-1] - centre, lambda table: encoder.embed(table) - centre)

    return embed


def places(found: Embedded, cells: np.ndarray) -> np.ndarray:
    directions = spatial_directions(found.reference, found.cells, KNN)
    reference, _ = align_slides(found.reference, directions, KNN)
    return knn_posterior(reference, cells, directions, KNN).places


def mixing(found: Embedded) -> tuple[float, float, float]:
    parts = [*found.reference.features, found.cells]
    domains = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    rows = balanced_rows(domains, 1000, np.random.default_rng(0))
    m = domain_mixing(np.concatenate(parts)[rows], domains[rows], 20)
    return m.entropy, m.ilisi, m.probe


def against_truth(case: Case, embed: Embed) -> list[float]:
    found = embed(case.slides, case.cells)
    metrics = place_metrics(case.truth, places(found, found.cells), max_points=3000)
    return [metrics["spearman"], metrics["edge_auc"], metrics["trust20"], *mixing(found)]


def without_truth(case: Case, embed: Embed) -> list[float]:
    held = hold_out(case.slides, 0)
    seen = embed(list(held.seen), case.cells)
    spots = [seen.others(t)[mask] for t, mask in zip(held.whole, held.masks)]
    stress = held.stress([places(seen, z) for z in spots])
    return [stress, *unseen_genes(case, embed), *mixing(seen)]


def unseen_genes(case: Case, embed: Embed, folds: int = 4) -> list[float]:
    """Return mean and median correlation of genes' patterns that were left out of the input."""
    slide, cells = case.slides[0], case.cells
    shared = [g for g in slide.adata.var_names if g in set(cells.adata.var_names)]
    logs = log_depth(cells.adata[:, shared].X, 1e3)
    atlas = np.asarray(slide.adata[:, shared].X.todense())
    where = np.asarray(slide.adata.obsm["spatial"], float)
    where = (where - where.mean(axis=0)) / np.sqrt(where.var(axis=0).sum())
    found = []
    for fold in kfold_genes(shared, folds):
        kept = [g for g in shared if g not in set(fold)]
        tables = [replace(t, adata=t.adata[:, kept].copy()) for t in (slide, cells)]
        embedded = embed([tables[0]], tables[1])
        near, _ = nearest(places(embedded, embedded.cells), 20, queries=where)
        for gene in fold:
            column = shared.index(gene)
            found.append(spearmanr(logs[near, column].mean(axis=1), atlas[:, column]).statistic)
    return [float(np.nanmean(found)), float(np.nanmedian(found))]


def row(name: str, runs: list[list[float]], seconds: float) -> str:
    mean, spread = np.mean(runs, axis=0), np.std(runs, axis=0)
    cells = [f"{m:.3f}" + (f" ± {s:.3f}" if len(runs) > 1 else "") for m, s in zip(mean, spread)]
    return f"| {name} | {' | '.join(cells)} | {seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=["embryo", "starmap", "her2", "fly", *SIMULATED])
    add_data_option(parser)
    parser.add_argument("--preset", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ablate", action="store_true")
    parser.add_argument("--set", action="append", default=[], dest="values")
    asked = parser.parse_args()
    for name in asked.case:
        case = load(name, asked.data)
        measure = against_truth if case.truth is not None else without_truth
        first = (
            "Spearman | edge AUC | trust@20"
            if case.truth is not None
            else "stress of held-out spots | unseen genes, mean ρ | median ρ"
        )
        print(f"\n| {name} | {first} | entropy | iLISI | probe | s |\n|{'---|' * 8}")
        start = time.time()
        print(row("joint PCA", [measure(case, joint_pca)], time.time() - start), flush=True)
        for preset in asked.preset or ["quick"]:
            variants = {"": [], **(ABLATIONS if asked.ablate else {})}
            for left_out, values in variants.items():
                config = EncoderConfig.preset(preset).with_text([*asked.values, *values])
                start = time.time()
                runs = [measure(case, learned(config, seed)) for seed in range(asked.seeds)]
                seconds = (time.time() - start) / asked.seeds
                label = f"encoder, {preset}" + (f", without {left_out}" if left_out else "")
                print(row(label, runs, seconds), flush=True)


if __name__ == "__main__":
    run(main)
