"""Gene imputation: the contract, its inputs and scale, and the baselines."""
