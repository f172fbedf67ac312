"""What goes in and comes out: the AnnData contract, readers, genes and histology images."""
