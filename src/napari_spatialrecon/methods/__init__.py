"""The methods: one folder per method, and one per kind of method for its contract and baselines."""
