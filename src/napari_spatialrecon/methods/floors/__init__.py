"""The floors: placing methods without a network, that every other method is held against."""
