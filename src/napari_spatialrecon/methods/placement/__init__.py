"""Placing cells: the base class, code shared by its methods, and the baselines."""
