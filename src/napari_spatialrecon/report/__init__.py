"""The report of a run, or of many: one page of HTML that holds all it needs."""
