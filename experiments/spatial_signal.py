"""Print the table of docs/experiments/2026-11-29-spatial-signal.md: patterns in space by slide.

    python -m experiments.spatial_signal --data DIR

Data sets that are not in the folder are skipped.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from experiments.data import add_data_option, run
from napari_spatialrecon.tissue.contract import Prepared, prepare_slide
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.spatial_signal import spatial_signal

SLIDES = (
    "st_her2_he/C2", "st_her2_he/C5", "st_mob_he/MOB1", "st_breast_paste/slice1",
    "starmap_mpfc/section_BZ5", "merfish_mpoa/merfish_mpoa", "seqfish_embryo2/seqfish_embryo2",
    "visium_mini_dg/visium_spots", "visium_coexpress/visium_spots",
    "breast_xenium_visium/xenium_cells", "molcart_mouse_cortex/section_A1",
    "drosophila_bdtnp/atlas_bdtnp", "mop_merfish_scrna/merfish_pseudospots",
)  # fmt: skip
SHUFFLES = 3
COLUMNS = (
    "slide", "spots", "genes", "Moran's I", "highest shuffle", "patterned genes", "Mantel", "p",
    "seconds", "signals in shuffles",
)  # fmt: skip


def shuffled(slide: Prepared, seed: int) -> Prepared:
    """Return a slide whose spots have changed places."""
    table = slide.adata.copy()
    table.obsm["spatial"] = np.random.default_rng(seed).permutation(table.obsm["spatial"])
    return replace(slide, adata=table)


def measured(slide: Prepared) -> list[str]:
    """Return the cells of a slide's row, without its name."""
    begun = time.process_time()
    found = spatial_signal(slide)
    seconds = time.process_time() - begun
    false = sum(spatial_signal(shuffled(slide, seed), seed).exists for seed in range(SHUFFLES))
    return [
        f"{slide.adata.n_obs:,}",
        f"{slide.adata.n_vars:,}",
        f"{found.moran:.3f}",
        f"{found.moran_shuffled:.3f}",
        f"{found.patterned} of {found.genes}",
        f"{found.mantel:.3f}",
        f"{found.mantel_p_value:.2f}",
        f"{seconds:.1f}",
        f"{false} of {SHUFFLES}",
    ]


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    data = parser.parse_args(arguments).data
    print("|", " | ".join(COLUMNS), "|")
    print("|" + "---|" * len(COLUMNS))
    for name in SLIDES:
        file = f"{name}.h5ad"
        if (data.path / file).exists():
            slide = prepare_slide(read_adata(data.find(file)), name, counts_needed=False)
            print("|", " | ".join([name, *measured(slide)]), "|", flush=True)


if __name__ == "__main__":
    run(main)
