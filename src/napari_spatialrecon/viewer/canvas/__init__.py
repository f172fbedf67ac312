"""Drawing on the canvas: layers, colors, points, pies, and the axes of napari."""
