"""What is drawn: layers, colors, points, pies, and the axes of napari."""
