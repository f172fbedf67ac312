"""Impute genes: genes that the slide did not measure."""
