"""Deconvolve: the cell types inside each spot."""
