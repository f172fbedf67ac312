"""Positions from landmarks and target distances (dp-VAE eq. 6-7)."""
