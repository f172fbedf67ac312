"""Cost and progress as short text."""

from __future__ import annotations

from napari_spatialrecon.durations import Span, duration
from napari_spatialrecon.machine import amount
from napari_spatialrecon.progress import Progress


def length(value: float, unit: str) -> str:
    """Return a length in whole units, or in three digits if it is short.

    Examples
    --------
    >>> length(1624.2, "µm"), length(27.34, "µm")
    ('1,624 µm', '27.3 µm')
    """
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def cost_line(time: Span, memory_bytes: float) -> str:
    """Return what a run is expected to take.

    Examples
    --------
    >>> cost_line(Span(60, 180), 3.2e8)
    'about 1 to 3 min · 320 MB'
    """
    return f"{time.words} · {amount(memory_bytes)}"


def progress_line(progress: Progress) -> str:
    """Return the progress of a run, on one line.

    Examples
    --------
    >>> progress_line(Progress("Training", 640, 1000, eta_s=61.0))
    'Training · step 640 of 1,000 · 61 s remaining'
    >>> progress_line(Progress("Training", 640, 1000, eta_s=61.0, left_s=200.0))
    'Training · step 640 of 1,000 · about 3 min remaining in all'
    """
    parts = [progress.stage]
    if progress.total:
        parts.append(f"step {progress.step:,} of {progress.total:,}")
    elif progress.step:
        parts.append(f"step {progress.step:,}")
    if progress.left_s is not None:
        parts.append(f"about {duration(progress.left_s)} remaining in all")
    elif progress.eta_s is not None and progress.step != progress.total:
        parts.append(f"{duration(progress.eta_s)} remaining")
    return " · ".join(parts)
