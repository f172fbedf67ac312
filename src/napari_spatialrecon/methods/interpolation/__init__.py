"""Interpolations between spots: the floors of super-resolution."""
