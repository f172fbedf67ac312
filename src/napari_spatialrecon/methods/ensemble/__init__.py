"""Shared parts of placement methods that train several networks and join their layouts."""
