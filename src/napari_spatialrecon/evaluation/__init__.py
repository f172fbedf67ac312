"""Evaluation of results against the truth: metrics, protocols and pictures."""
