"""Landmarks: places of a few cells, set by hand, that place the others."""
