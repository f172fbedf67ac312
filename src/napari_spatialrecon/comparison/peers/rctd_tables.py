"""The likelihood tables of RCTD, computed in seconds instead of downloaded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import gammaln

#: Where rctd-py looks for its tables before it downloads them.
_PLACE = "RCTD_Q_MATRICES"
#: Nodes of the integral over the logarithm of the noise, as in rctd-py.
STEP, NODES = 4e-3, 5000


@contextmanager
def tables_up_to(largest: int) -> Iterator[None]:
    """Let rctd-py find tables of counts up to the largest one; a user's own file is left."""
    if os.environ.get(_PLACE):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="rctd-") as folder:
        path = Path(folder) / "q_matrices.npz"
        write_tables(path, largest)
        os.environ[_PLACE] = str(path)
        try:
            yield
        finally:
            del os.environ[_PLACE]


def write_tables(path: Path, largest: int) -> None:
    """Write log P(Y = k | mean) of a count Y under Poisson-lognormal noise, as rctd-py reads it.

    rctd-py fetches a file of 404 MB of such tables, for counts up to 1,000. Its own formula
    (`compute_q_matrix`) gives them to 1e-13; the Poisson term is the same for every width of the
    noise, so that all widths come from one product a count: 0.07 s for each.

    Parameters
    ----------
    path
        The .npz to be written: ``X_vals`` (n_means,), and ``Q_<100 sigma>`` (largest + 3, n_means)
        for each width sigma that rctd-py chooses from.
    largest
        The largest count; two more are written, which derivatives need.
    """
    from rctd._likelihood import _ht_pdf_norm, build_x_vals
    from rctd._sigma import SIGMA_ALL

    means, widths = build_x_vals(), np.asarray(SIGMA_ALL)
    noise = np.arange(-NODES, NODES + 1) * STEP
    density = np.stack([_ht_pdf_norm(noise / (w / 100)) / (w / 100) for w in widths], axis=1)
    density = np.maximum(density, 1e-300)
    logs = noise[None, :] + np.log(means)[:, None]
    tables = np.empty((len(widths), largest + 3, len(means)))
    for count in range(largest + 3):
        chance = np.exp(count * logs - np.exp(logs) - gammaln(count + 1)) @ density * STEP
        tables[:, count] = np.log(np.maximum(chance, 1e-300)).T
    named: dict[str, Any] = {
        f"Q_{width}": table for width, table in zip(widths, tables, strict=True)
    }
    np.savez(path, X_vals=means, **named)
