"""Demo: simulate a tissue, place its cells, evaluate and draw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_spatialrecon.evaluation.evaluate import evaluate_place
from napari_spatialrecon.evaluation.pictures import save_png
from napari_spatialrecon.evaluation.plots import metrics_plot
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.storage import atomic_file, write_json
from napari_spatialrecon.tasks.drawing import draw_placed
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.simulator.simulate import simulate

#: Metrics printed by the demo.
SHOWN = {
    "spearman": "Spearman of distances",
    "edge_auc": "neighbours found (AUC)",
    "trust20": "trustworthiness at 20",
    "procrustes": "Procrustes error",
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
    """Simulate, place with dp-VAE and the baseline, evaluate against the truth, and draw.

    Writes to `folder`: the simulated inputs in ``tissue/``, ``placed.h5ad``, ``run.json``,
    ``overlay.png``, ``metrics.png`` and ``metrics.json``.
    """
    folder = Path(folder)
    simulated = simulate(tissue, seed=seed, reporter=Reporter(progress, should_stop))
    simulated.write(folder / "tissue")
    references = {f"section {i + 1}": slide for i, slide in enumerate(simulated.slides)}
    truth = read_adata(folder / "tissue" / "truth.h5ad")
    metrics: dict[str, dict[str, Any]] = {}
    for method in ("knn", "dpvae"):
        result = place(
            references,
            simulated.cells,
            method=method,
            seed=seed,
            query_name="cells",
            progress=progress,
            should_stop=should_stop,
        )
        metrics[method] = evaluate_place(truth, result.adata, seed=seed)
    with atomic_file(folder / "placed.h5ad") as temporary:
        result.adata.write_h5ad(temporary)
    result.record.metrics |= metrics["dpvae"]["metrics"]
    result.record.write(folder / "run.json")
    draw_placed(
        result.adata,
        folder / "overlay.png",
        truth=truth,
        slide=simulated.slides[0],
        title=f"Simulated {tissue}: {result.adata.n_obs} dissociated cells placed by dp-VAE",
    )
    rows = {name: report["metrics"] for name, report in metrics.items()}
    save_png(metrics_plot({"dp-VAE": rows["dpvae"], "knn": rows["knn"]}), folder / "metrics.png")
    write_json(folder / "metrics.json", metrics)
    return DemoReport(_text(folder, rows, result.verdict), {"metrics": rows, "folder": str(folder)})


def _text(folder: Path, rows: dict[str, dict[str, float]], verdict: str) -> str:
    lines = [f"{'':26}{'dp-VAE':>9}{'kNN':>9}"]
    for key, words in SHOWN.items():
        lines.append(f"{words:26}{rows['dpvae'][key]:9.3f}{rows['knn'][key]:9.3f}")
    lines += [
        "",
        verdict,
        "",
        "Open next:",
        f"  {folder / 'overlay.png'}   the placed cells on the H&E image, next to the truth",
        f"  {folder / 'metrics.png'}   the metrics above and more, as a plot",
        f"  {folder / 'placed.h5ad'}   the cells with obsm['spatial'], for scanpy or napari",
        f"  {folder / 'run.json'}      inputs, settings and versions of the run",
    ]
    return "\n".join(lines)
