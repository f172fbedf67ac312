"""Embedding spots and cells alike: the contract, and how well an embedding mixes them."""
