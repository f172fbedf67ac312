"""How fast this machine is, measured once, for the times that are stated before runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import nn

from napari_spatialrecon import pace
from napari_spatialrecon.nn.set_attention import AttentionBlock
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.training.device import choose_device

#: Seconds of a training step of `_Steps` on the machine whose seconds the methods' estimates are.
_REFERENCE_S = 0.036
#: Repeats of the work with arrays, and training steps: a few seconds each on that machine.
_REPEATS, _STEPS, _FIRST = 30, 60, 5
#: Seconds after which no further repeat or step is made of a kind of work.
_MOST_S = 18.0
_WIDTH, _HEADS, _SETS, _POINTS, _BLOCKS = 64, 4, 8, 192, 3


@dataclass(frozen=True)
class Speeds:
    """How long work takes on this machine.

    Parameters
    ----------
    machine
        Its name and processor.
    device
        That networks were measured on, besides the CPU.
    factors
        Times as multiples of those on the machine that the estimates were measured on, by kind of
        work and device: ``"arrays cpu"``, ``"network cpu"``, and ``"network cuda"`` or
        ``"network mps"`` where there is a GPU.

    Examples
    --------
    >>> Speeds("desk", "cuda:0", {"network cpu": 1.5, "network cuda": 0.05}).factors["network cuda"]
    0.05
    """

    machine: str
    device: str
    factors: dict[str, float] = field(default_factory=dict)


def calibrate(
    device: str = "auto",
    *,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> Speeds:
    """Measure the speed of this machine, within a minute, and remember it.

    Every time that is stated before a run then follows it: products and sorting of arrays on the
    CPU, and training steps of a small set transformer on the CPU and on the device. Without it,
    the speed of the CPU is guessed from a fifth of a second, and that of a GPU from earlier runs.

    Parameters
    ----------
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    progress, should_stop
        Told of each repeat; asked before each.

    Returns
    -------
    Speeds
        What was measured; ``speeds.json`` in the user's settings folder keeps it.

    Raises
    ------
    InputError
        This computer has no such device.
    WriteError
        The settings folder cannot be written.
    Stopped
        `should_stop` returned True; nothing is remembered.

    Examples
    --------
    >>> speeds = calibrate("cpu")  # doctest: +SKIP
    >>> speeds.factors  # doctest: +SKIP
    {'arrays cpu': 1.03, 'network cpu': 0.98}
    """
    chosen, reporter = choose_device(device), Reporter(progress, should_stop)
    reporter.begin("Arrays on cpu", _REPEATS)
    times, began = [], time.monotonic()
    for repeat in range(_REPEATS):
        reporter.check()
        times.append(pace.arrays(1))
        reporter.step(repeat + 1)
        if time.monotonic() - began > _MOST_S:
            break
    factors = {f"{pace.ARRAYS} cpu": min(times)}
    for one in dict.fromkeys([torch.device("cpu"), chosen]):
        reporter.begin(f"Training steps on {one.type}", _STEPS)
        factors[f"{pace.NETWORK} {one.type}"] = _step_seconds(one, reporter) / _REFERENCE_S
    pace.remember_speeds(factors)
    return Speeds(pace.machine(), str(chosen), factors)


def _step_seconds(device: torch.device, reporter: Reporter) -> float:
    """Return the least seconds of a training step: of the processor, or by the clock of a GPU."""
    steps, found = _Steps(device), []
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    threads, began = torch.get_num_threads(), time.monotonic()
    torch.set_num_threads(1)  # as the estimates are of one core
    try:
        for number in range(_STEPS):
            reporter.check()
            start = clock()
            steps.make()
            late = time.monotonic() - began > _MOST_S
            if number >= _FIRST or late:  # the first also load kernels
                found.append(clock() - start)
            reporter.step(number + 1)
            if late:
                break
    finally:
        torch.set_num_threads(threads)
    return max(min(found), 1e-5)


class _Steps:
    """Training steps of a small set transformer on made-up sets."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            blocks = [AttentionBlock(_WIDTH, _HEADS) for _ in range(_BLOCKS)]
            self._sets = torch.randn(_SETS, _POINTS, _WIDTH).to(device)
        self._blocks = nn.ModuleList(blocks).to(device)
        self._optimizer = torch.optim.AdamW(self._blocks.parameters(), lr=1e-3)

    def make(self) -> None:
        """Make one step, and wait until the device has done it."""
        found = self._sets
        for block in self._blocks:
            found = block(found, found)
        loss = (torch.cdist(found, found) - torch.cdist(self._sets, self._sets)).square().mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()
