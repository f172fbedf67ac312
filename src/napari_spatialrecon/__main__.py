"""``python -m napari_spatialrecon``."""

import sys

from napari_spatialrecon.cli import main

sys.exit(main())
