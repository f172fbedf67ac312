"""Open napari with the simulated cortex, and Place cells and the legend docked."""

from __future__ import annotations

import napari

from napari_spatialrecon.viewer.samples import cortex

PLUGIN = "napari-spatialrecon"


def main() -> None:
    viewer = napari.Viewer()
    for widget in ("Place cells", "Legend"):
        viewer.window.add_plugin_dock_widget(PLUGIN, widget)
    cortex()
    napari.run()


if __name__ == "__main__":
    main()
