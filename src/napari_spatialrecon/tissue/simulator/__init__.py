"""A tissue whose every cell is known: layout, expression, platforms and stain."""
