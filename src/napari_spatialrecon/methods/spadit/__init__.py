"""SpaDiT: genes that a slide never measured, by a diffusion transformer over linear bases."""
