"""Placing cells: the contract, what its methods share, and the baselines."""
