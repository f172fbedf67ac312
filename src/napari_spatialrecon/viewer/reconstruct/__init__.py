"""The tab Reconstruct: the tasks that share the open data."""
