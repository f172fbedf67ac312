"""GEARS: places for dissociated cells by generating geometry."""
