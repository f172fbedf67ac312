"""Point sets without learning: poses, neighbours, distances and the places they imply."""
