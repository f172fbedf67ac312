"""The simplest ways to impute genes: what every other method must beat."""
