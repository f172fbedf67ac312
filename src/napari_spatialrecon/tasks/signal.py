"""Whether slides carry a spatial signal: asked before a run, and noted in its record."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from anndata import AnnData

from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.provenance import RunRecord
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.sdata.inputs import takes_spatialdata
from napari_spatialrecon.tissue.spatial_signal import SpatialSignal
from napari_spatialrecon.tissue.spatial_signal import spatial_signal as _spatial_signal

#: Slides whose answer is remembered: a window asks again before each run.
_REMEMBERED = 64
_known: OrderedDict[str, SpatialSignal] = OrderedDict()


@takes_spatialdata
def spatial_signal(slide: AnnData, *, seed: int = 0, name: str = "slide") -> SpatialSignal:
    """Return whether expression on a slide is arranged in space, beside shuffles of its spots.

    Without such a signal nothing can be placed on the slide, and a map over it shows noise.

    Parameters
    ----------
    slide
        Counts (or logarithms, or in-situ intensities) and ``obsm["spatial"]``, (n, 2) as (x, y).
    seed
        Of the spots that are compared and of the shuffles.
    name
        Name of the slide in messages.

    Raises
    ------
    ValidationError
        Lists every problem of the slide.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> slide = sr.simulate("cortex").slides["A"]  # doctest: +SKIP
    >>> sr.spatial_signal(slide).exists  # doctest: +SKIP
    True
    """
    return _spatial_signal(contract.prepare_slide(slide, name, counts_needed=False), seed)


def signals(slides: Iterable[contract.Prepared]) -> dict[str, SpatialSignal]:
    """Return the spatial signal of each slide by its name."""
    return {slide.name: _remembered(slide) for slide in slides}


def passed(found: dict[str, SpatialSignal]) -> tuple[str, ...]:
    """Return a sentence for each slide that has a spatial signal."""
    return tuple(f"{name}: {signal.text}" for name, signal in found.items() if signal.exists)


def missing(found: dict[str, SpatialSignal]) -> tuple[str, ...]:
    """Return a warning for each slide that has none.

    Examples
    --------
    >>> nothing = SpatialSignal(200, 50, 0.001, 0.004, 0.3, 0, 0.0, 0.5, [], [])
    >>> missing({"C2": nothing})[0].partition(":")[0]
    'C2'
    """
    return tuple(
        f"{name}: {signal.text}. Expect a result no better than the baseline; check that the "
        "coordinates belong to these spots."
        for name, signal in found.items()
        if signal.is_missing
    )


def note_signals(
    record: RunRecord, slides: Sequence[contract.Prepared], reporter: Reporter
) -> None:
    """Note the spatial signal of the slides of a run, and warn of slides without one."""
    found = signals(reporter.checking(slides))
    record.settings["spatial_signal"] = {name: signal.record() for name, signal in found.items()}
    warnings = missing(found)
    record.warnings = [*record.warnings, *warnings]
    reporter.warn(warnings)


def _remembered(slide: contract.Prepared) -> SpatialSignal:
    key = slide.fingerprint()
    if key not in _known:
        _known[key] = _spatial_signal(slide)
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return _known[key]
