"""Limits up to which a diagnostic of a placement is good, and above which it is poor."""

from __future__ import annotations

#: Disagreement of patches (mean |Δ log distance|) and stress above which a layout is unreliable.
DISAGREE, STRESS = 0.5, 0.5
#: Residual that a well-trained and a failing generator leave to the refiner, in radii (section 7.2
#: of the GEARS paper).
HEALTHY, FAILING = 0.05, 0.5
#: By name of the diagnostic: good up to the first value, poor above the second.
LIMITS: dict[str, tuple[float, float]] = {
    "patch_disagreement": (DISAGREE / 2, DISAGREE),
    "solve_stress": (STRESS / 2, STRESS),
    "residual_spread": (HEALTHY, FAILING),
}
