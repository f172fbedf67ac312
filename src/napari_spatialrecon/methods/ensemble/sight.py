"""Inputs of each network of an ensemble."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sight:
    """Inputs of one network.

    Parameters
    ----------
    view
        Number of the scaling of genes; see `views.Embedded`.
    directions
        Use the spatially varying directions of the features, instead of all components.
    alone
        Process each cell alone instead of jointly (for networks that can do both).
    """

    view: int
    directions: bool
    alone: bool


#: Inputs of successive networks if all is mixed: among four, each kind of network (joint, alone)
#: uses components and directions, and both scalings of genes.
IN_TURN = (
    Sight(view=0, directions=False, alone=False),
    Sight(view=0, directions=True, alone=True),
    Sight(view=1, directions=False, alone=True),
    Sight(view=1, directions=True, alone=False),
)


def sight_of(number: int, *, views: int, inputs: str, attention: str = "set") -> Sight:
    """Return the inputs of network `number`.

    Parameters
    ----------
    views
        Number of views.
    inputs
        ``"components"``, ``"directions"``, or ``"mixed"`` for both in turn.
    attention
        Cells jointly (``"set"``), each alone (``"none"``), or ``"mixed"`` for both in turn.
    """
    turn = IN_TURN[number % len(IN_TURN)]
    return Sight(
        view=turn.view if views > 1 else 0,
        directions=turn.directions if inputs == "mixed" else inputs == "directions",
        alone=turn.alone if attention == "mixed" else attention == "none",
    )
