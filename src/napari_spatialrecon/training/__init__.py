"""The training loop, checkpoints and the choice of a device."""
