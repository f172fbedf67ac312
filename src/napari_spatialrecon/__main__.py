"""``python -m napari_spatialrecon``."""

from napari_spatialrecon.cli import run

run()
