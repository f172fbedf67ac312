"""Train encoder: an embedding in which spots and cells of the same type lie together."""
