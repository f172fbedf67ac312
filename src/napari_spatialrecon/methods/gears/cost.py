"""How long GEARS trains and samples, from its settings.

Seconds of one idle core, fitted to steps of networks of other widths, depths and sizes of sets
(docs/benchmarks.md); `paper` as a whole, which was not used for the fit, is met within a fifth.
"""

from __future__ import annotations

from napari_spatialrecon.methods.gears.config import GearsConfig

#: Of a step; for each spot of its sets; for each spot and block, by c², c and c·m.
_STEP, _SPOT, _BLOCK = 0.0203, 3.0e-6, (5.15e-10, 5.5e-8, 1.44e-9)
#: The refiner, for c = 96 and two blocks: for each spot, each pair of a set, and each pair and
#: dimension beyond four.
_REFINED, _PAIR, _PAIR_DIMENSION = 2.9e-5, 3.06e-7, 8.4e-9
#: Without the refiner: a cell in a patch, drawing and joining the patches included.
_PATCHED = 3.3e-4
#: What its other parts take, in blocks; a forward pass, as a part of a training step.
_OTHERS, _FORWARD = 2.66, 0.18


def step_seconds(config: GearsConfig) -> tuple[float, float]:
    """Return the seconds of a training step: without and with the refiner.

    Sets of a step are padded to the largest, and their number does not depend on the slides.
    """
    sets, of = config.minisets, config.generator
    spots = sets.per_step * sets.largest
    blocks = of.context_blocks + of.generator_blocks
    square, line, inducing = _BLOCK
    each = square * of.width**2 + line * of.width + inducing * of.width * of.points
    plain = _STEP + spots * (_SPOT + blocks * each)
    return plain, plain + _refiner_seconds(config, spots, spots * sets.largest)


def training_seconds(config: GearsConfig) -> float:
    """Return the seconds of one training."""
    plain, refined = step_seconds(config)
    share = 1.0 - config.refiner.warm_up if config.refiner.on else 0.0
    return config.training.steps * (plain * (1 - share) + refined * share)


def sampling_seconds(config: GearsConfig, cells: int) -> float:
    """Return the seconds of one layout of all cells: in patches beyond ``patches.one_shot``."""
    if not config.refiner.on:
        in_patches = cells > max(config.patches.one_shot, config.patches.size)
        return _PATCHED * config.patches.coverage * cells * in_patches
    passes = 2 * config.refiner.steps - 1  # Heun
    if cells <= min(config.patches.one_shot, 5_000):
        return passes * _FORWARD * _refiner_seconds(config, cells, cells**2)
    size = config.patches.size
    patches = cells * config.patches.coverage / size
    return passes * patches * _FORWARD * _refiner_seconds(config, size, size**2)


def _refiner_seconds(config: GearsConfig, spots: float, pairs: float) -> float:
    if not config.refiner.on:
        return 0.0
    of = config.generator
    blocks = (_OTHERS + config.refiner.blocks) / (_OTHERS + 2)
    wide = of.width / 96 * blocks * (_REFINED * spots + _PAIR * pairs)
    return wide + _PAIR_DIMENSION * pairs * max(of.dimensions - 4, 0)
