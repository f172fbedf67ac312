"""Durations, memory and progress as short text."""

from __future__ import annotations

from napari_spatialrecon.progress import Progress


def duration(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    Examples
    --------
    >>> duration(0.4), duration(42), duration(200), duration(7200)
    ('a second', '42 s', '3 min', '2 h')
    """
    if seconds < 1.5:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.3g} h"


def memory(n_bytes: float) -> str:
    """Return an amount of memory in MB or GB.

    Examples
    --------
    >>> memory(3.2e8), memory(1.1e9)
    ('320 MB', '1.1 GB')
    """
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"


def progress_line(progress: Progress) -> str:
    """Return the progress of a run, on one line.

    Examples
    --------
    >>> progress_line(Progress("Training", 640, 1000, eta_s=61.0))
    'Training · step 640 of 1,000 · 61 s remaining'
    """
    parts = [progress.stage]
    if progress.total:
        parts.append(f"step {progress.step:,} of {progress.total:,}")
    elif progress.step:
        parts.append(f"step {progress.step:,}")
    if progress.eta_s is not None and progress.step != progress.total:
        parts.append(f"{duration(progress.eta_s)} remaining")
    return " · ".join(parts)
