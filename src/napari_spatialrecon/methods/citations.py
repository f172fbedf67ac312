"""The paper behind each method, by the name of its page; baselines have none of their own."""

from __future__ import annotations

from dataclasses import dataclass

from napari_spatialrecon.methods.registry import MethodInfo


@dataclass(frozen=True)
class Citation:
    """A paper: how a text refers to it, and its entry in a list of references."""

    short: str
    full: str


_PAPERS = {
    "gears": Citation(
        "Azim et al., 2026",
        "Azim E, Alif MN, Hwang TH, Fu Y, Zhang W. Geometry-First Generative Spatial Single-Cell "
        "Reconstruction. KDD 2026; arXiv:2605.28200.",
    ),
    "dpvae": Citation(
        "Zhou and Du, 2024",
        "Zhou W, Du JH. Distance-Preserving Representations for Genomic Spatial Reconstruction. "
        "arXiv:2408.00911 (2024).",
    ),
    "come": Citation(
        "Wei et al., 2025",
        "Wei X, Chen T, Wang X, Shen W, Liu C, Wu S, Wong HS. COME: contrastive mapping learning "
        "for spatial reconstruction of single-cell RNA sequencing data. Bioinformatics (2025).",
    ),
    "spadit": Citation(
        "Li et al., 2024",
        "Li X, Zhu F, Min W. SpaDiT: diffusion transformer for spatial gene expression prediction "
        "using scRNA-seq. Briefings in Bioinformatics 25(6), bbae571 (2024).",
    ),
    "srast": Citation(
        "Huang et al.",
        "Huang X, Dai W, Qin Z, Yu X, Wang D, Liu Y, Cheng L, Zheng X. Towards Universal Spatial "
        "Transcriptomics Super-Resolution: A Generalist Physically Consistent Flow Matching "
        "Framework. Manuscript.",
    ),
}


def citation(info: MethodInfo) -> Citation | None:
    """Return the paper that a method implements; None of a baseline.

    Examples
    --------
    >>> from napari_spatialrecon.methods.registry import find_method
    >>> citation(find_method("come", "place")).short
    'Wei et al., 2025'
    >>> citation(find_method("knn", "place")) is None
    True
    """
    return _PAPERS.get(info.page)
