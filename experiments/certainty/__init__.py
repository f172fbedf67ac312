"""Whether the uncertainty that runs state is true."""
