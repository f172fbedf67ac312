"""Maps from one plane to another: similarities, affine maps, thin plates, and their fits."""
