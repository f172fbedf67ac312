"""Demo: simulate a tissue, place its cells, impute genes, evaluate, draw, and write one page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.demo_page import Picture, write_page
from napari_spatialrecon.evaluation.evaluate import evaluate_place
from napari_spatialrecon.evaluation.gene_metrics import evaluate_genes
from napari_spatialrecon.evaluation.pictures import save_png
from napari_spatialrecon.evaluation.plots import metrics_plot
from napari_spatialrecon.methods.registry import baseline_for, find_method
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.storage import atomic_file, write_json
from napari_spatialrecon.tasks.drawing import draw_placed
from napari_spatialrecon.tasks.imputing import impute_genes
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tasks.verdicts import BASELINE
from napari_spatialrecon.tissue.h5ad import write_h5ad
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.simulator.simulate import simulate

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.tasks.result import PlaceResult

#: Learned methods that the demo compares with the baselines, and settings that keep it short.
LEARNED = "gears"
IMPUTING, BRIEFLY = "spadit", {"network.on": False}
#: Genes that are hidden and imputed, of those detected in this share of the spots.
HIDDEN, DETECTED = 24, 0.2
#: Gain in Spearman of distances below which two methods are called nearly as good.
CLOSE = 0.02
#: Metrics printed by the demo.
SHOWN = {
    "spearman": "Spearman of distances",
    "edge_auc": "neighbors found (AUC)",
    "trust20": "trustworthiness at 20",
    "procrustes": "Procrustes error",
}
FILES = {
    "index.html": "all of the below on one page, with the figures",
    "overlay.png": "the placed cells on the H&E image, next to the truth",
    "genes.png": "genes hidden from the run, as measured and as imputed",
    "metrics.png": "the metrics above and more, as a plot",
    "placed.h5ad": "the cells with obsm['spatial'], for scanpy or napari",
    "run.json": "inputs, settings and versions of the run",
}


@dataclass(frozen=True)
class DemoReport:
    """Result of the demo.

    Parameters
    ----------
    text
        Human-readable summary.
    summary
        Metrics by method, and output files.
    """

    text: str
    summary: dict[str, Any]


def run_demo(
    folder: str | Path,
    tissue: str = "cortex",
    seed: int = 0,
    *,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> DemoReport:
    """Simulate, place and impute by a learned method and the baseline, evaluate and draw.

    Writes to `folder`: the simulated inputs in ``tissue/``, ``placed.h5ad``, ``run.json``,
    ``overlay.png``, ``genes.png``, ``metrics.png``, ``metrics.json`` and ``index.html``.
    """
    folder = Path(folder)
    simulated = simulate(tissue, seed=seed, reporter=Reporter(progress, should_stop))
    simulated.write(folder / "tissue")
    references = {f"section {i + 1}": slide for i, slide in enumerate(simulated.slides)}
    truth = read_adata(folder / "tissue" / "truth.h5ad")
    results: dict[str, PlaceResult] = {}
    metrics: dict[str, dict[str, Any]] = {}
    baseline = baseline_for("place").name
    for method in (baseline, LEARNED):
        results[method] = place(
            references,
            simulated.cells,
            method=method,
            seed=seed,
            query_name="cells",
            progress=progress,
            should_stop=should_stop,
        )
        metrics[method] = evaluate_place(truth, results[method].adata, seed=seed)
    won = max(results, key=lambda method: metrics[method]["metrics"]["spearman"])
    result, title = results[won], find_method(won, "place").title
    with atomic_file(folder / "placed.h5ad") as temporary:
        write_h5ad(temporary, result.adata)
    result.record.metrics |= metrics[won]["metrics"]
    result.record.write(folder / "run.json")
    draw_placed(
        result.adata,
        folder / "overlay.png",
        truth=truth,
        slide=simulated.slides[0],
        title=f"Simulated {tissue}: {result.adata.n_obs} dissociated cells placed by {title}",
    )
    rows = {name: report["metrics"] for name, report in metrics.items()}
    both = {find_method(LEARNED, "place").title: rows[LEARNED], BASELINE: rows[baseline]}
    save_png(metrics_plot(both), folder / "metrics.png")
    genes = _genes(simulated.slides[0], simulated.cells, folder, seed, progress, should_stop)
    write_json(folder / "metrics.json", {**metrics, "genes": genes})
    said = _text(both, {name: metrics[name]["error"] for name in (LEARNED, baseline)}, genes)
    verdict = _verdict(title, rows[won], rows[baseline if won != baseline else LEARNED])
    write_page(folder, tissue, said, verdict, _pictures(title, result.adata.n_obs))
    closing = "\n".join(f"  {folder / name!s:28} {words}" for name, words in FILES.items())
    text = f"{said}\n\n{verdict}\n\nOpen next:\n{closing}"
    summary = {"metrics": rows, "genes": genes, "folder": str(folder)}
    return DemoReport(text, summary)


def _genes(
    slide: AnnData,
    cells: AnnData,
    folder: Path,
    seed: int,
    progress: ProgressCallback | None,
    should_stop: ShouldStop | None,
) -> dict[str, float]:
    """Hide genes of a slide, impute and draw them; return mean correlations with the truth."""
    from napari_spatialrecon.evaluation.gene_maps import gene_maps

    detected = np.asarray((slide.X > 0).mean(axis=0)).ravel()
    candidates = np.flatnonzero(detected >= DETECTED)
    chosen = np.random.default_rng(seed).permutation(candidates)[:HIDDEN]
    hidden = [str(slide.var_names[i]) for i in sorted(chosen)]
    seen = slide[:, ~slide.var_names.isin(hidden)].copy()
    maps, found = {}, {}
    methods: Mapping[str, Any] = {baseline_for("impute-genes").name: {}, IMPUTING: BRIEFLY}
    for method, settings in methods.items():
        result = impute_genes(
            seen,
            cells,
            hidden,
            method=method,
            settings=settings,
            seed=seed,
            progress=progress,
            should_stop=should_stop,
        )
        title = find_method(method, "impute-genes").title
        maps[title] = result.adata
        found[title] = evaluate_genes(slide, result.adata)
    best = found[title]["per_gene"]
    ranked = sorted(best, key=lambda gene: -best[gene]["pcc"])
    shown = [ranked[len(ranked) // 8], ranked[len(ranked) // 2]]
    save_png(gene_maps(slide, dict(reversed(maps.items())), shown, found), folder / "genes.png")
    return {name: report["mean"]["pcc"] for name, report in found.items()}


def _pictures(title: str, cells: int) -> list[Picture]:
    return [
        Picture(
            "overlay.png",
            f"{cells:,} dissociated cells, placed by {title} and where they truly sat",
            "Colors are cell types. No cell's place was known to the method.",
        ),
        Picture(
            "genes.png",
            "Genes that were hidden from the run, measured and imputed",
            "Two of the hidden genes: the upper one among the best eighth, the lower one the "
            "median. Below each map its correlation with what was measured.",
        ),
        Picture("metrics.png", "Placed cells beside the baseline", "The best value is in bold."),
    ]


def _text(
    rows: dict[str, dict[str, float]], errors: dict[str, dict[str, Any]], genes: dict[str, float]
) -> str:
    lines = [f"{'':26}" + "".join(f"{name:>9}" for name in rows)]
    for key, words in SHOWN.items():
        lines.append(f"{words:26}" + "".join(f"{row[key]:9.3f}" for row in rows.values()))
    medians = "".join(f"{error['median']:9.0f}" for error in errors.values())
    lines.append(f"{'median error (µm)':26}{medians}")
    means = ", ".join(f"{name} {value:.3f}" for name, value in reversed(genes.items()))
    return "\n".join([*lines, "", f"Hidden genes, mean correlation with the truth: {means}"])


def _verdict(title: str, row: dict[str, float], other: dict[str, float]) -> str:
    """Say which method the demo shows, and by how much it is nearer to the truth."""
    by = row["spearman"] - other["spearman"]
    much = "by little: the other does nearly as well" if by < CLOSE else f"by {by:.3f}"
    return f"Shown: {title}, which agrees best with the true distances, {much}."
