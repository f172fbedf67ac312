"""The methods: one folder per method, and one per kind of method for base class and baselines."""
