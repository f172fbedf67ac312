"""Input and output: the AnnData contract, readers, genes and histology images."""
