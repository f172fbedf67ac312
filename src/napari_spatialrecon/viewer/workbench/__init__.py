"""The dock Spatial Reconstruction: data, reconstruct, inspect, results."""
