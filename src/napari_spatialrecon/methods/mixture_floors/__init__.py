"""The simplest ways to find mixtures: what every other method must beat."""
