"""Many samples: a row of a table each, side by side on this machine or on a cluster."""
