"""Super-resolution: the contract, code shared by its methods, and the interpolations."""
