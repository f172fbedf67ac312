"""A simulated tissue with known ground truth: layout, expression, platforms and stain."""
