"""One training loop, its checkpoints and the choice of a device."""
