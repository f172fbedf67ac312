"""Ablation of COME's objective, term by term, on genes, places and mixtures.

    python -m experiments.come.ablation genes|places|mixtures|starts --data DIR [case ...]
        [--folds 2]

Genes: PCC of held-out genes (comparison/cases/genes.py), objective and steps fixed. Places:
Spearman of distances and trust@20 (comparison/cases/places.py); cells are labelled if their file
names types, so that eq. 8 is on. Mixtures: JSD and PCC per spot (comparison/cases/mixtures.py).
Rows that add a term of eq. 11 that the shipped objective lacks are marked "+". Starts: the
fraction of distinct likeliest spots (relative to the smaller number of cells or spots) before and
after training, from cosine or constant starts, at the shipped and the published rate. Seed 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from anndata import AnnData

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.genes import load as load_genes
from napari_spatialrecon.comparison.cases.mixtures import load as load_mixtures
from napari_spatialrecon.comparison.cases.places import CELLS, SECTIONS
from napari_spatialrecon.comparison.cases.places import load as load_places
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.gene_metrics import gene_metrics
from napari_spatialrecon.evaluation.mixture_metrics import evaluate_mixtures
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.methods.come.config import (
    GENE_OBJECTIVES,
    ComeGenesConfig,
    ComeMixturesConfig,
    ComePlaceConfig,
)
from napari_spatialrecon.methods.come.gene_mapping import GeneMappings
from napari_spatialrecon.methods.come.place import ComePlace
from napari_spatialrecon.methods.genes.inputs import read_inputs
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tasks.deconvolving import deconvolve
from napari_spatialrecon.tasks.imputing import impute_genes
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide

Values = Mapping[str, Any]
#: What was changed, and the figures by their names.
Row = tuple[str, dict[str, float]]
#: Name of a term and the weight that eq. 11 gives it, in the published code.
PUBLISHED = {
    "reconstruction (eq. 3)": ("weights.reconstruction", 1.0),
    "coefficients (eq. 4)": ("weights.coefficient", 1e-3),
    "structural similarity (eq. 7)": ("weights.similarity", 1.0),
    "cell types (eq. 8)": ("weights.cell_types", 1.0),
    "cross-modal contrast (eq. 9)": ("weights.cross", 1.0),
}
CONTRASTS = ("weights.cell_types", "weights.cross")
LINKS = ("weights.reconstruction", "weights.coefficient")
OTHERS = {
    "gene cosines": "weights.gene_cosine",
    "spot cosines": "weights.spot_cosine",
    "anchor": "weights.anchor",
}
#: Where cells of a case of places have their types: file and column.
TYPES = {
    "embryo": "celltype_mapped_refined",
    "mpoa": "celltype",
    "starmap": "celltype",
}
DEFAULT = {
    "starts": ["bdtnp", "embryo"],
    "genes": ["bdtnp", "mop"],
    "places": ["embryo", "her2", "starmap"],
    "mixtures": ["embryo", "mpoa", "starmap"],
}


def variants(values: Values, weights: Values) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objective as it is, without each of its terms, and with each of eq. 11's others."""
    yield "as it is", dict(values)
    yield "start, nothing learned", {**values, "rate": 0.0, **_no(weights)}
    for name, (key, weight) in PUBLISHED.items():
        if weights[key]:
            yield f"- {name}", {**values, key: 0.0}
        elif key in CONTRASTS and not any(weights[linked] for linked in LINKS):
            # A contrast trains the encoder alone: it moves the mapping through eq. 4.
            yield f"+ {name}, with eq. 4", {**values, key: weight, "weights.coefficient": 1e-3}
        else:
            yield f"+ {name}", {**values, key: weight}
    for name, key in OTHERS.items():
        if weights[key]:
            yield f"- {name}", {**values, key: 0.0}


def _no(weights: Values) -> dict[str, float]:
    return {key: 0.0 for key in weights if key != "weights.ridge"}


def _weights(config: Any) -> dict[str, float]:
    return {k: v for k, v in config.flat().items() if k.startswith("weights.")}


def genes(name: str, data: DataFolder, folds: int) -> Iterator[Row]:
    case = load_genes(name, data)
    for objective, chosen in GENE_OBJECTIVES.items():
        values = {"choose": False, "steps": 60, **chosen}
        weights = _weights(ComeGenesConfig().with_values(values))
        for label, changed in variants(values, weights):
            if "eq. 8" in label:  # a reference of genes brings no labels
                continue
            found = []
            for fold in case.folds[:folds]:
                hidden = set(fold)
                seen = case.slide[:, [g for g in case.slide.var_names if g not in hidden]].copy()
                config = ComeGenesConfig().with_values(changed)
                made = impute_genes(
                    seen, case.cells, fold, method="come", config=config, device="cpu"
                )
                found.append(gene_metrics(case.truth[fold].to_numpy(), made.adata.X)["pcc"])
            yield f"{objective}: {label}", {"PCC": float(np.concatenate(found).mean())}


def _labelled(name: str, data: DataFolder, cells: AnnData) -> tuple[AnnData, str]:
    """Return the cells with their types, which hiding took from them, and the column's name."""
    if name not in TYPES:
        return cells, ""
    path = CELLS.get(name)
    if path is None:
        folder, _, section = SECTIONS[name]
        path = f"{folder}/{section}.h5ad"
    whole = data.cells(path)
    labelled = cells.copy()
    labelled.obs["type"] = whole.obs[TYPES[name]].loc[cells.obs_names].astype(str).to_numpy()
    return labelled, "type"


def places(name: str, data: DataFolder, folds: int) -> Iterator[Row]:
    case = load_places(name, data)
    cells, column = _labelled(name, data, case.cells)
    config = ComePlaceConfig(labels=column)
    rows = [*variants({}, _weights(config)), ("- balance", {"balance": 0.0})]
    if all("n_cells" in slide.obs for slide in case.slides.values()):
        counted = {"cell_counts": "n_cells", "balance": 1.0}
        rows += [("+ cell counts", counted | {"balance": 0.25}), ("+ cell counts, whole", counted)]
    for label, changed in rows:
        if "eq. 8" in label and not column:
            continue
        made = place(
            case.slides, cells, method="come", config=config.with_values(changed), device="cpu"
        )
        found = place_metrics(case.truth, np.asarray(made.adata.obsm["spatial"])[:, :2])
        yield label, {"Spearman": found["spearman"], "trust@20": found["trust20"]}


def mixtures(name: str, data: DataFolder, folds: int) -> Iterator[Row]:
    spots, reference, truth, column = load_mixtures(name, data)
    config = ComeMixturesConfig()
    rows = [
        *variants({}, _weights(config)),
        ("- prior", {"prior": "none"}),
        ("prior of least squares", {"prior": "squares"}),
        ("- sizes", {"sizes": False}),
    ]
    for label, changed in rows:
        made = deconvolve(
            spots, reference, column, config=config.with_values(changed), device="cpu"
        )
        mean = evaluate_mixtures(truth, made.adata)["mean"]
        yield label, {"JSD": mean["jsd"], "PCC": mean["pcc"]}


def starts(name: str, data: DataFolder, folds: int) -> Iterator[Row]:
    for preset in ("quick", "paper"):
        for start in ("cosine", "constant"):
            share = _gene_start if name == "bdtnp" else _place_start
            before, after = share(name, data, preset, start)
            yield f"{preset}, {start}", {"share before": before, "share after": after}


def _place_start(name: str, data: DataFolder, preset: str, start: str) -> tuple[float, float]:
    slides, cells, _ = load_places(name, data).prepared()
    config = ComePlaceConfig.preset(preset).with_values({"start": start, "balance": 0.0})
    method = ComePlace(config).fit(slides, cells)
    after = method.place(cells).diagnostics["distinct_best_spots"]
    method.config = config.with_values({"rate": 0.0})
    return method.place(cells).diagnostics["distinct_best_spots"], after


def _gene_start(name: str, data: DataFolder, preset: str, start: str) -> tuple[float, float]:
    case = load_genes(name, data)
    shared = GENE_OBJECTIVES["eq. 11"] if preset == "quick" else {}
    config = ComeGenesConfig.preset(preset).with_values({**shared, "start": start, "choose": False})
    slide = prepare_slide(case.slide, name, counts_needed=False)
    inputs = read_inputs(slide, prepare_query(case.cells, "cells"))
    cells = inputs.cells(inputs.columns)
    found = []
    for steps in (0, config.joint_steps(cells.shape[1])):
        learned, _ = GeneMappings(config, Run(), None).learn(inputs.slide, cells, steps)
        best = learned.best_spots(learned.probabilities())
        found.append(len(best.unique()) / min(len(cells), len(inputs.slide)))
    return found[0], found[1]


TASKS = {"starts": starts, "genes": genes, "places": places, "mixtures": mixtures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=tuple(TASKS))
    parser.add_argument("case", nargs="*")
    add_data_option(parser)
    parser.add_argument("--folds", type=int, default=2)
    asked = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    cases = asked.case or DEFAULT[asked.task]
    for name in cases:
        for label, values in TASKS[asked.task](name, asked.data, asked.folds):
            print(name, label, *(f"{k} {v:.3f}" for k, v in values.items()), sep="  ", flush=True)
            for metric, value in values.items():
                found.setdefault(metric, {}).setdefault(label, {})[name] = value
    for metric, rows in found.items():
        print(f"\n{metric}\n\n| | {' | '.join(cases)} |\n|---|{'---|' * len(cases)}")
        for label, row in rows.items():
            shown = (f"{row[name]:.3f}" if name in row else "" for name in cases)
            print(f"| {label} | {' | '.join(shown)} |")


if __name__ == "__main__":
    run(main)
