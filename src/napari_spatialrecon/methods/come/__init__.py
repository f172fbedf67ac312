"""COME: a matrix from cells to spots, which places cells, imputes genes and deconvolves spots."""
