"""Geometry of point sets, without learning: poses, neighbours, distances and layouts."""
