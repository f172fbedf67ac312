"""Whether images of a library fit its scale factors and the places of its spots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

#: Relative difference of the sizes of one full-resolution image up to which they agree.
_TOLERANCE = 0.01


def misfits(
    shapes: Mapping[str, Sequence[int]], factors: Mapping[str, float], xy: np.ndarray
) -> dict[str, str]:
    """Return what contradicts an image's scale factor, by the image's key.

    Parameters
    ----------
    shapes
        Of the images "hires" and "lowres", (height, width, ...); those that there are.
    factors
        "tissue_hires_scalef", "tissue_lowres_scalef": pixels of the image in a full-resolution
        pixel; "spot_diameter_fullres", by which a spot may lie outside.
    xy : (n, 2) float
        Places of the spots in full-resolution pixels.
    """
    sizes = {
        key: np.array(shape[:2]) / float(factors[f"tissue_{key}_scalef"])
        for key, shape in shapes.items()
        if factors.get(f"tissue_{key}_scalef")
    }
    margin = float(factors.get("spot_diameter_fullres", 0.0))
    most = xy.max(axis=0) if len(xy) else np.zeros(2)
    found = {
        key: f"Expected an image that holds all spots, to ({most[0]:.0f}, {most[1]:.0f}) "
        f"full-resolution pixels; found {shapes[key][1]} x {shapes[key][0]} pixels, which at "
        f"tissue_{key}_scalef {float(factors[f'tissue_{key}_scalef']):.4g} are {width:.0f} x "
        f"{height:.0f}."
        for key, (height, width) in sizes.items()
        if most[0] > width + margin or most[1] > height + margin
    }
    if found or not {"hires", "lowres"} <= {*sizes}:
        return found
    hires, lowres = sizes["hires"], sizes["lowres"]
    rounding = 1 / np.array(shapes["lowres"][:2])
    if np.all(np.abs(hires / lowres - 1) <= _TOLERANCE + rounding):
        return {}
    return {
        "hires": "Expected hires and lowres images of one full-resolution image; found that their "
        f"scale factors give {hires[1]:.0f} x {hires[0]:.0f} and {lowres[1]:.0f} x "
        f"{lowres[0]:.0f} pixels."
    }
