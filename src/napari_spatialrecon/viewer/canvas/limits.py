"""Values at the two ends of a color map, by percentile."""

from __future__ import annotations

import numpy as np

PERCENTILES = (1.0, 99.0)
"""Of the values that are above zero, where many are zero, as for genes."""


def limits_at(
    values: np.ndarray, percentiles: tuple[float, float] = PERCENTILES, *, zero: bool = False
) -> tuple[float, float]:
    """Return the values at two percentiles.

    Values of at least 0, of which a tenth or more are 0, start from 0, and their upper end is taken
    from the others: else a gene that few cells express would get the limits 0 and 0.

    Parameters
    ----------
    values : (n,)
        NaN and infinities do not count.
    percentiles
        0 to 100; (0, 100) are the least and the greatest value.
    zero
        Whether the lower end is 0, or below it if values are.

    Examples
    --------
    >>> limits_at(np.array([0.0] * 90 + [2.0] * 9 + [4.0]), (0, 100))
    (0.0, 4.0)
    """
    numbers = np.asarray(values, float)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return 0.0, 1.0
    least = float(numbers.min())
    sparse = least == 0 and (numbers == 0).mean() >= 0.1
    above = numbers[numbers > 0] if sparse and (numbers > 0).any() else numbers
    high = float(np.percentile(above, percentiles[1]))
    low = 0.0 if sparse else float(np.percentile(numbers, percentiles[0]))
    if zero:
        low = min(0.0, low)
    if high <= low:
        low, high = least, float(numbers.max())
    return (low, high) if high > low else (low, low + 1.0)


def histogram(values: np.ndarray, bins: int = 60) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the counts (bins,) and edges (bins + 1,) of a histogram, and the share of zeros.

    Zeros are not counted where `limits_at` handles them apart.
    """
    numbers = np.asarray(values, float)
    numbers = numbers[np.isfinite(numbers)]
    zeros = float((numbers == 0).mean()) if numbers.size else 0.0
    apart = numbers.size and numbers.min() == 0 and zeros >= 0.1
    shown = numbers[numbers > 0] if apart else numbers
    if not shown.size:
        return np.zeros(bins), np.linspace(0, 1, bins + 1), zeros
    low, high = (0.0 if apart else float(shown.min())), float(shown.max())
    counts, edges = np.histogram(shown, bins, (low, high if high > low else low + 1.0))
    return counts, edges, zeros if apart else 0.0
