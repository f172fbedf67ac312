"""GEARS: place dissociated cells by generating their geometry from expression."""
