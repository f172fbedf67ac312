"""Splitting spots: the contract, what its methods share, and the interpolations."""
