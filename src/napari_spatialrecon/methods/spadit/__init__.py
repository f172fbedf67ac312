"""SpaDiT: imputation of unmeasured genes by a diffusion transformer over linear bases."""
