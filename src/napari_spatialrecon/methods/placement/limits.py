"""Up to which value a diagnostic of a placement is sound, and above which it is not."""

from __future__ import annotations

#: Disagreement of patches (mean |Δ log distance|) and stress above which a layout is doubtful.
DISAGREE, STRESS = 0.5, 0.5
#: Residual a healthy generator leaves to its refiner, in radii (section 7.2 of the GEARS paper),
#: and a failing one.
HEALTHY, FAILING = 0.05, 0.5
#: By the name of the diagnostic: sound up to the first, unsound above the second.
LIMITS: dict[str, tuple[float, float]] = {
    "patch_disagreement": (DISAGREE / 2, DISAGREE),
    "solve_stress": (STRESS / 2, STRESS),
    "residual_spread": (HEALTHY, FAILING),
}
