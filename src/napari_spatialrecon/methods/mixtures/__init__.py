"""Deconvolving spots: the contract and the baselines."""
