"""SRast: super-resolution by flow matching on the simplex."""
