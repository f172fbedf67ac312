"""Deconvolution of spots: the contract and the baselines."""
