"""How long a run takes on this machine, now: its speed, its load, and how earlier runs went.

Methods estimate their cost in seconds of an idle core of the machine that they were measured on. A
run on another machine, or beside other work, takes longer; how much longer than even that, earlier
runs tell. The speed of another machine is that of some work with arrays, measured anew in each
process, unless `calibrate` has measured it, also for networks and on a GPU.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

from napari_spatialrecon import storage
from napari_spatialrecon.durations import Span
from napari_spatialrecon.errors import InputError

#: Kinds of work: arrays on the CPU, and networks, which these methods train on their device.
ARRAYS, NETWORK = "arrays", "network"
_NETWORKS = frozenset({"gears", "dpvae", "come", "srast", "spadit"})
#: Processor seconds of `work` on the machine whose seconds the methods' estimates are.
_REFERENCE_S = 0.065
#: Earlier runs that are remembered of each kind, and from which on they alone give the range.
_KEPT, _ENOUGH = 5, 3
#: Ratio of the ends of the range to what is likely, without enough earlier runs.
_SHORTER, _LONGER = 1 / 1.5, 2.0
#: With enough of them, at least this ratio.
_LEAST = 1.25
#: Runs that took less tell nothing, unless they were expected to take a minute.
_TELLING_S, _MINUTE = 5.0, 60.0


def span(seconds: float, kind: str) -> Span:
    """Return the range in which a run is expected to end.

    Parameters
    ----------
    seconds
        Estimate for an idle core; see `Estimate`.
    kind
        Task, method and device, as in `remember`.
    """
    now, past = seconds * slowness(kind), ratios(kind)
    if len(past) < _ENOUGH:
        likely = now * (median(past) if past else 1.0)
        return Span(likely * _SHORTER, likely * _LONGER)
    middle = median(past)
    low, high = min(min(past), middle / _LEAST), max(max(past), middle * _LEAST)
    return Span(now * low, now * high)


def slowness(kind: str) -> float:
    """Return how many times as long as on an idle core of the reference a run takes here, now.

    Parameters
    ----------
    kind
        Task, method and device.
    """
    known = speeds().get(_work_of(kind))
    return (_machine() if known is None else known) * _busy()


def remember(kind: str, expected: float, found: float) -> None:
    """Keep how a run went, in the user's settings folder.

    Parameters
    ----------
    kind
        Task, method and device, for instance ``"place gears cpu"``.
    expected
        Seconds by the estimate and `slowness`, without earlier runs.
    found
        Seconds that it took.
    """
    if (found < _TELLING_S and expected < _MINUTE) or min(found, expected) <= 0:
        return
    kept = _read()
    kept[kind] = [*ratios(kind), round(found / expected, 3)][-_KEPT:]
    with suppress(InputError):  # a folder that cannot be written costs only the better estimate
        storage.write_json(times_file(), kept)


def ratios(kind: str) -> list[float]:
    """Return found by expected time of the last runs of a kind."""
    values = _read().get(kind, [])
    known = values if isinstance(values, list) else []
    return [float(v) for v in known if isinstance(v, int | float) and 0 < v < float("inf")]


def kind_of(task: str, method: str, device: str) -> str:
    """Return the kind of a run: task, method, and device without its number."""
    return f"{task} {method} {device.partition(':')[0]}"


def speeds() -> dict[str, float]:
    """Return what `calibrate` measured on this machine, by kind of work and device.

    Each is a time as a multiple of that on the reference, for instance ``{"network cuda": 0.05}``.
    """
    found = _content(speeds_file()).get(machine())
    known = found.items() if isinstance(found, dict) else ()
    return {k: float(v) for k, v in known if isinstance(v, int | float) and 0 < v < float("inf")}


def remember_speeds(found: Mapping[str, float]) -> None:
    """Keep the speeds of this machine; what earlier runs told is restated relative to them.

    Raises
    ------
    WriteError
        The settings folder cannot be written.
    """
    past = _read()
    before = {kind: slowness(kind) for kind in past}
    kept = _content(speeds_file())
    own = {kind: round(factor, 4) for kind, factor in found.items()}
    storage.write_json(speeds_file(), {**kept, machine(): own})
    after = {kind: slowness(kind) for kind in past}
    restated = {
        kind: [round(ratio * before[kind] / after[kind], 3) for ratio in ratios(kind)]
        for kind in past
    }
    if restated:
        storage.write_json(times_file(), restated)


def machine() -> str:
    """Return the name of this machine with its processor: a settings folder may be shared."""
    processor = platform.processor()
    with suppress(OSError, StopIteration):  # Linux, where Python does not know it
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(s.partition(":")[2].strip() for s in lines if s.startswith("model name"))
    return f"{platform.node()}, {processor or platform.machine()}"


def times_file() -> Path:
    """Return the file in which the times of earlier runs are kept."""
    return _settings() / "times.json"


def speeds_file() -> Path:
    """Return the file in which the speeds of machines are kept."""
    return _settings() / "speeds.json"


def _settings() -> Path:
    import platformdirs

    return Path(platformdirs.user_config_dir("napari-spatialrecon"))


def _read() -> dict[str, object]:
    return _content(times_file())


def _content(file: Path) -> dict[str, object]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _work_of(kind: str) -> str:
    """Return the kind of work that a run's time is of, and where it is done."""
    _, _, rest = kind.partition(" ")
    method, _, device = rest.partition(" ")
    return f"{NETWORK} {device}" if method in _NETWORKS else f"{ARRAYS} cpu"


@cache
def _machine() -> float:
    """Return `arrays` of a fifth of a second; once a process."""
    return arrays(3)


def arrays(times: int) -> float:
    """Return the least processor time of some work with arrays, relative to the reference."""
    found = []
    for _ in range(times):
        start = time.thread_time()
        work()
        found.append(time.thread_time() - start)
    return max(min(found), 1e-3) / _REFERENCE_S


def work() -> None:
    """Products of matrices and elementwise functions, as in a training step; one thread."""
    values = np.random.default_rng(0).standard_normal((256, 64, 64), dtype=np.float32)
    for _ in range(6):
        values = np.tanh(values @ values * np.float32(0.1))
    np.sort(values.ravel())


def _busy() -> float:
    """Return how many programs share a core, this one included; at least 1."""
    try:
        load = os.getloadavg()[0]
    except (OSError, AttributeError):  # Windows
        import psutil

        load = psutil.getloadavg()[0]
    return max(1.0, (load + 1) / _cores())


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
