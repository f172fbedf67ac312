"""Methods, baselines and other tools beside one another, on cases whose answer is known."""
