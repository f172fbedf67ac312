"""The tab Data: what is open."""
