"""COME: a mapping matrix from cells to spots to place cells, impute genes and deconvolve spots."""
