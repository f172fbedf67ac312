"""Place cells: put dissociated cells back into the tissue."""
