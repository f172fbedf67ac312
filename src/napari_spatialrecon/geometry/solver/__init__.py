"""Places from landmarks and wanted distances (dp-VAE eq. 6-7)."""
