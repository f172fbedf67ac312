"""Train encoder: an embedding in which spots and cells of one kind lie together."""
