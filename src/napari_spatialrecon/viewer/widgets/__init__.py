"""Dock widgets: each shows a model and owns no data."""
