"""Choosing the placement method that wins on held-out spots of the data."""
