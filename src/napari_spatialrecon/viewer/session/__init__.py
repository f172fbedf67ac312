"""Saving what is open, and opening it again as it was."""
