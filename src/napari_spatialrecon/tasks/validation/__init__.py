"""Validation of a method on the user's own data: truth is held out and found again."""
