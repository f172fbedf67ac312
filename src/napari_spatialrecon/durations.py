"""Durations as short text, in the same words wherever they are read."""

from __future__ import annotations

from dataclasses import dataclass

_MINUTE, _HOUR = 60.0, 3600.0
#: Seconds from which on a range that ends in minutes begins at a minute.
_NEARLY = 45.0


def duration(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    Examples
    --------
    >>> duration(0.4), duration(42), duration(200), duration(7200)
    ('a second', '42 s', '3 min', '2 h')
    """
    if seconds < 1.5:
        return "a second"
    value, unit = _in_unit(seconds)
    return f"{value} {unit}"


@dataclass(frozen=True)
class Span:
    """A range of seconds in which a run is expected to end.

    Examples
    --------
    >>> Span(60, 180).words, Span(20, 150).words, Span(70, 80).words, Span(0.2, 1).words
    ('about 1 to 3 min', 'about 20 s to 2 min', 'about 70 to 80 s', 'about a second')
    """

    low: float
    high: float

    @property
    def likely(self) -> float:
        """The middle of the range, as a ratio."""
        return float((self.low * self.high) ** 0.5)

    def plus(self, other: Span) -> Span:
        """Return the range of two parts, one after the other."""
        return Span(self.low + other.low, self.high + other.high)

    @property
    def words(self) -> str:
        """The range, rounded to what can be known."""
        if self.high < 1.5:
            return "about a second"
        high, large = _in_unit(_rounded(self.high))
        low, small = _in_unit(_rounded(self.low))
        if small == "s" and large == "min" and self.low >= _NEARLY:
            low, small = "1", "min"
        if small == large:
            return f"about {high} {large}" if low == high else f"about {low} to {high} {large}"
        return f"about {low} {small} to {high} {large}"


def _rounded(seconds: float) -> float:
    """Return seconds to two figures, and to tens from 20 s on."""
    if seconds < 20:
        return max(1.0, float(round(seconds)))
    if seconds < 90:
        return float(round(seconds, -1))
    return seconds


def _in_unit(seconds: float) -> tuple[str, str]:
    if seconds < 1.5 * _MINUTE:
        return f"{seconds:.0f}", "s"
    if seconds < 1.5 * _HOUR:
        return f"{seconds / _MINUTE:.0f}", "min"
    return f"{seconds / _HOUR:.3g}", "h"
