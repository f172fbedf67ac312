"""Demo: simulate a tissue, place its cells, evaluate and draw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_spatialrecon.evaluation.evaluate import evaluate_place
from napari_spatialrecon.evaluation.pictures import save_png
from napari_spatialrecon.evaluation.plots import metrics_plot
from napari_spatialrecon.methods.registry import baseline_for, find_method
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.storage import atomic_file, write_json
from napari_spatialrecon.tasks.drawing import draw_placed
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tasks.verdicts import BASELINE
from napari_spatialrecon.tissue.h5ad import write_h5ad
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.simulator.simulate import simulate

#: Learned method that the demo compares with the baseline.
LEARNED = "dpvae"
#: Metrics printed by the demo.
SHOWN = {
    "spearman": "Spearman of distances",
    "edge_auc": "neighbors found (AUC)",
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
    """Simulate, place by a learned method and the baseline, evaluate against the truth, draw.

    Writes to `folder`: the simulated inputs in ``tissue/``, ``placed.h5ad``, ``run.json``,
    ``overlay.png``, ``metrics.png`` and ``metrics.json``.
    """
    folder = Path(folder)
    simulated = simulate(tissue, seed=seed, reporter=Reporter(progress, should_stop))
    simulated.write(folder / "tissue")
    references = {f"section {i + 1}": slide for i, slide in enumerate(simulated.slides)}
    truth = read_adata(folder / "tissue" / "truth.h5ad")
    metrics: dict[str, dict[str, Any]] = {}
    learned, baseline = LEARNED, baseline_for("place").name
    title = find_method(learned, "place").title
    for method in (baseline, learned):
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
        write_h5ad(temporary, result.adata)
    result.record.metrics |= metrics[learned]["metrics"]
    result.record.write(folder / "run.json")
    draw_placed(
        result.adata,
        folder / "overlay.png",
        truth=truth,
        slide=simulated.slides[0],
        title=f"Simulated {tissue}: {result.adata.n_obs} dissociated cells placed by {title}",
    )
    rows = {name: report["metrics"] for name, report in metrics.items()}
    both = {title: rows[learned], BASELINE: rows[baseline]}
    save_png(metrics_plot(both), folder / "metrics.png")
    write_json(folder / "metrics.json", metrics)
    return DemoReport(_text(folder, both, result.verdict), {"metrics": rows, "folder": str(folder)})


def _text(folder: Path, rows: dict[str, dict[str, float]], verdict: str) -> str:
    lines = [f"{'':26}" + "".join(f"{name:>9}" for name in rows)]
    for key, words in SHOWN.items():
        lines.append(f"{words:26}" + "".join(f"{row[key]:9.3f}" for row in rows.values()))
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
