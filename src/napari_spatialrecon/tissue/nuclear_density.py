"""Nuclear density over a slide, from its H&E image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from skimage.color import rgb2hed

from napari_spatialrecon.tissue.images import Histology, tissue_mask

#: Maximum pixels along the longer side of the analysed image.
_LONGEST = 2400
#: Quantiles of the tissue that represent no stain and full stain.
_DARKEST, _LIGHTEST = 0.99, 0.05


@dataclass(frozen=True, eq=False)
class NuclearDensity:
    """Map of haematoxylin over a slide.

    Parameters
    ----------
    stain : (y, x) float32
        0 to about 1; 0 outside the tissue.
    units_per_pixel
        Frame units per pixel.
    """

    stain: np.ndarray
    units_per_pixel: float
    _smooth: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def at(self, places: np.ndarray, size: float) -> np.ndarray:
        """Return the mean stain in squares of side `size` around points (m, 2), in frame units."""
        width = max(1, round(size / self.units_per_pixel))
        if width not in self._smooth:
            self._smooth[width] = ndimage.uniform_filter(self.stain, width, mode="constant")
        pixel = places[:, ::-1].T / self.units_per_pixel
        smooth = self._smooth[width]
        return np.asarray(ndimage.map_coordinates(smooth, pixel, order=1, mode="nearest"))


def nuclear_density(histology: Histology) -> NuclearDensity:
    """Separate the haematoxylin of an H&E image by color deconvolution.

    Ruifrok & Johnston (2001), as in `skimage.color.rgb2hed`; scaled by the tissue's quantiles.
    """
    image, units = histology.thumbnail(_LONGEST)
    small, small_units = histology.thumbnail(512)
    mask = tissue_mask(small)
    stain = rgb2hed(image)[..., 0]
    zoom = units / small_units
    y = np.clip((np.arange(stain.shape[0]) * zoom).astype(int), 0, mask.shape[0] - 1)
    x = np.clip((np.arange(stain.shape[1]) * zoom).astype(int), 0, mask.shape[1] - 1)
    inside = mask[np.ix_(y, x)]
    if not inside.any():
        return NuclearDensity(np.zeros(stain.shape, np.float32), units)
    low, high = np.quantile(stain[inside], [_LIGHTEST, _DARKEST])
    scaled = np.clip((stain - low) / max(high - low, 1e-9), 0, 1.5)
    return NuclearDensity(np.where(inside, scaled, 0).astype(np.float32), units)
