"""Neural network blocks shared by several methods."""
