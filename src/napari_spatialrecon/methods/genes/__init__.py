"""Imputing genes: the contract, its inputs and scale, and the baselines."""
