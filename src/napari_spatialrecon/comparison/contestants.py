"""Who is compared: methods of this package, its baselines, other tools, and adapters of one's own.

A contestant is named as on the command line: ``gears``, ``gears:standard`` (a preset),
``nnls,loss=counts`` (settings), ``tangram``, or ``package.module:Class``, an adapter like those in
``comparison/peers``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from napari_spatialrecon.comparison.peers import EXTRA, PEERS, PeerInfo
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.methods.registry import METHODS, MethodInfo, find_method, methods_for

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.comparison.cases.problem import Part

OURS, BASELINE, PEER = "ours", "baseline", "peer"


class Runner(Protocol):
    """What solves a part of a case."""

    def load(self) -> None:
        """Import what is needed."""

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes."""

    def settings(self, seed: int) -> dict[str, Any]:
        """Return what is recorded of a run."""

    def run(self, task: str, part: Part, seed: int) -> AnnData:
        """Solve one part of a case."""


@dataclass(frozen=True)
class Contestant:
    """A contestant in a task; nothing of it is imported until it runs.

    Parameters
    ----------
    spec
        As on the command line.
    """

    spec: str
    task: str
    title: str
    kind: str
    method: MethodInfo | None = None
    peer: PeerInfo | None = None

    def missing(self) -> str:
        """Return why it cannot run here, or nothing."""
        reason = "" if self.peer is None else self.peer.missing()
        return f"{reason}: {EXTRA}" if reason and self.peer in PEERS else reason

    def runner(self) -> Runner:
        """Import the contestant; its settings are checked."""
        _, preset, values = _split(self.spec)
        if self.peer is not None:
            runner: Runner = self.peer.adapter()(self.peer, values)
            return runner
        from napari_spatialrecon.comparison.own_methods import OwnMethod

        assert self.method is not None
        return OwnMethod(self.method, preset or "quick", values)


def contestants(task: str, specs: Sequence[str] = ()) -> list[Contestant]:
    """Return those of `specs` that a task has; all methods and tools of the task if none is given.

    Raises
    ------
    InputError
        No task has a method of that name.
    """
    if not specs:
        peers = [peer.name for peer in PEERS if task in peer.tasks]
        specs = [*(info.name for info in _plainest_first(task)), *peers]
    found = (_find(spec, task) for spec in specs)
    return [one for one in found if one is not None]


def _plainest_first(task: str) -> list[MethodInfo]:
    rank = {True: 0, False: 1}
    return sorted(
        methods_for(task), key=lambda info: (rank[info.page == "baselines"], info.selects)
    )


def _find(spec: str, task: str) -> Contestant | None:
    name, preset, values = _split(spec)
    words = ", ".join([*([preset] if preset else []), *values])
    if ":" in name:
        module = name.partition(":")[0]
        top, own = module.partition(".")[0], name.rpartition(":")[2]
        return Contestant(spec, task, own, PEER, peer=PeerInfo(own, own, top, top, (task,), name))
    peer = next((peer for peer in PEERS if peer.name == name), None)
    if peer is not None:
        title = f"{peer.title} ({words})" if words else peer.title
        return Contestant(spec, task, title, PEER, peer=peer) if task in peer.tasks else None
    if not any(info.name == name for info in METHODS):
        names = [*dict.fromkeys(i.name for i in METHODS), *(p.name for p in PEERS)]
        raise InputError(
            f"Expected a method or another tool, found {name!r}.",
            remedy=f"Try {argument('methods')} with some of {', '.join(names)}.",
        )
    if not any(info.name == name for info in methods_for(task)):
        return None
    info = find_method(name, task)
    kind = BASELINE if info.page == "baselines" else OURS
    title = f"{info.short_title} ({words})" if words else info.short_title
    info.config().preset(preset or "quick").with_text(values)
    return Contestant(spec, task, title, kind, method=info)


def _split(spec: str) -> tuple[str, str, list[str]]:
    """Return name, preset and settings.

    Examples
    --------
    >>> _split("gears:standard,members=2")
    ('gears', 'standard', ['members=2'])
    >>> _split("mine.adapters:Mine")
    ('mine.adapters:Mine', '', [])
    """
    head, *values = spec.split(",")
    name, _, preset = head.partition(":")
    if "." in name:
        return head, "", values
    return name, preset, values
