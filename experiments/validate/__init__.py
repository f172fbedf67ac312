"""Whether a validation on what users have agrees with the truth that they lack."""
