"""Drive the real window through the story of Place cells and write pictures of each step.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1280x800x24" \
        python docs/figures/place_cells.py --data DIR --out docs/images

Real tissue: sections C2, C3 and C5 of a HER2-positive breast cancer, Andersson et al. 2021
(github.com/almaan/her2st, as stated in each file's ``uns["source"]``). C5's coordinates are hidden.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from anndata import AnnData
from experiments.data import DataFolder, add_data_option, run
from napari.layers import Layer
from window import PLUGIN, SECTIONS, Story, settle, until

from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import COMMUNITY
