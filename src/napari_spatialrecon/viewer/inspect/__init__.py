"""The tab Inspect: the selected layer, whoever made it."""
