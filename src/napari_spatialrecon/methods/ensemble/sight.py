"""Which network of an ensemble sees what: one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sight:
    """What one network sees.

    Parameters
    ----------
    view
        Number of the scaling of genes; see `views.Embedded`.
    directions
        Directions of the features that vary in space, instead of all components.
    alone
        Each cell alone, instead of among the others (for networks that can do both).
    """

    view: int
    directions: bool
    alone: bool


#: What networks see in turn where all is mixed: of four, either kind of network sees components and
#: directions, and both scalings of genes.
IN_TURN = (
    Sight(view=0, directions=False, alone=False),
    Sight(view=0, directions=True, alone=True),
    Sight(view=1, directions=False, alone=True),
    Sight(view=1, directions=True, alone=False),
)


def sight_of(number: int, *, views: int, inputs: str, attention: str = "set") -> Sight:
    """Return what a network sees.

    Parameters
    ----------
    views
        How many there are.
    inputs
        ``"components"``, ``"directions"`` or, in turn, ``"mixed"``.
    attention
        Each cell among the others (``"set"``), alone (``"none"``) or, in turn, ``"mixed"``.
    """
    turn = IN_TURN[number % len(IN_TURN)]
    return Sight(
        view=turn.view if views > 1 else 0,
        directions=turn.directions if inputs == "mixed" else inputs == "directions",
        alone=turn.alone if attention == "mixed" else attention == "none",
    )
