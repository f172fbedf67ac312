"""Merge many local layouts into one: patches, stitching, distance graphs and the global solve."""
