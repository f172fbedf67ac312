"""Align to histology: lay a slide on its H&E image by pairs of landmarks."""
