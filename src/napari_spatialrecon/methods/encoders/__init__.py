"""Joint embedding of spots and cells: the base class, and measures of mixing."""
