"""Maps from one plane to another: similarity, affine, projective, thin-plate."""
