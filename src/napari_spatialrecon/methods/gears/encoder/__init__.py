"""Stage A of GEARS: one embedding for spots and dissociated cells."""
