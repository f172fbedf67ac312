"""Metrics of each task that tables rank by; the first is the one that a table of cases shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A figure of a prediction."""

    name: str
    label: str
    higher: bool = True

    @property
    def heading(self) -> str:
        """Its label with the better direction."""
        return f"{self.label} {'↑' if self.higher else '↓'}"


METRICS: dict[str, tuple[Metric, ...]] = {
    "place": (
        Metric("spearman", "Spearman"),
        Metric("edge_auc", "edge AUC"),
        Metric("trust20", "trust@20"),
        Metric("shell_f1", "shell F1"),
        Metric("stress1", "Stress-1", False),
        Metric("procrustes", "Procrustes", False),
        Metric("swd", "SWD", False),
        Metric("w1_knn", "W1", False),
    ),
    "impute-genes": (
        Metric("pcc", "PCC"),
        Metric("pcc_median", "median PCC"),
        Metric("ssim", "SSIM"),
        Metric("rmse", "RMSE", False),
        Metric("js", "JS", False),
    ),
    "deconvolve": (
        Metric("jsd", "JSD", False),
        Metric("pcc", "PCC"),
        Metric("ssim", "SSIM"),
        Metric("rmse", "RMSE", False),
        Metric("pcc_type", "PCC per type"),
    ),
    "super-resolve": (
        Metric("pcc_gene", "PCC per gene"),
        Metric("spearman_spot", "Spearman per part"),
        Metric("spearman_gene", "Spearman per gene"),
        Metric("ari_kmeans", "ARI, k-means"),
    ),
}
