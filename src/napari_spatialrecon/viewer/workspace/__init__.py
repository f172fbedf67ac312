"""What is open: tables, images and saved models."""
