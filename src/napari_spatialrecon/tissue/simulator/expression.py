"""Genes and counts: effects of cell type and position, and measurement noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack

from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.simulator.cells import Cells
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.layout import Array, Layout, SectionMap

#: Share of genes in each program; the rest are noise genes.
SHARES = {
    "housekeeping": 0.10, "type": 0.30, "layer": 0.17, "gradient": 0.12, "niche": 0.12,
    "patch": 0.09,
}  # fmt: skip
#: Range of the effect of position on log expression, by program.
EFFECTS = {"layer": (1.2, 3.4), "gradient": (0.5, 1.6), "niche": (1.2, 3.4), "patch": (0.3, 1.0)}
#: Effect of other fields on a gene besides its own driver, and its probability.
ASIDE, ASIDE_CHANCE = 0.45, 0.25
#: Number of non-spatial cell states, such as cell cycle or stress, and their strength.
N_STATES, STATE = 4, 0.35
#: Share of a dissociated cell's counts that is ambient RNA of all cells.
AMBIENT = 0.04
#: Average counts of a gene in a cell if noise is off.
EXACT = 1000
_CHUNK = 2048


@dataclass(frozen=True)
class Genes:
    """Parameters of the expression of each gene.

    Parameters
    ----------
    names, programs, drivers : (genes,) str
        Name, program (``housekeeping``, ``type``, ``layer``, ``gradient``, ``niche``, ``patch``,
        ``noise``), and the cell type or the field that drives the gene.
    base : (genes,)
        Baseline log expression.
    by_type : (types, genes)
        Effect of the cell type on the log expression.
    by_place : (fields, genes)
        Effect of the spatial fields on the log expression.
    fields
        Names of these fields.
    responds : (types, genes)
        Whether a gene in a cell type responds to position: 0 or 1.
    by_state : (states, genes)
        Effect of the cell state, which is not spatial.
    dispersion : (genes,)
        φ of the counts' variance mean + φ·mean².
    waves : (genes, 4)
        Wave vector (radians per µm), phase and amplitude of the noiseless expression.
    """

    names: Array
    programs: Array
    drivers: Array
    base: Array
    by_type: Array
    by_place: Array
    fields: tuple[str, ...]
    responds: Array
    by_state: Array
    dispersion: Array
    waves: Array


@dataclass(frozen=True)
class Measurement:
    """Technical properties of one experiment.

    Parameters
    ----------
    depth
        Median counts of a cell of average size.
    gene_effect : (genes,)
        Log of the relative detection efficiency of each gene.
    ambient
        Share of ambient counts, which come from all cells.
    """

    depth: float
    gene_effect: Array
    ambient: float = 0.0


def draw_genes(layout: Layout, config: SimulatorConfig, rng: np.random.Generator) -> Genes:
    """Draw the effects of cell type and position on each of ``config.n_genes`` genes."""
    n, types = config.n_genes, layout.types
    programs = _programs(n)
    fields = tuple(name for group in layout.programs.values() for name in group)
    by_type = rng.normal(0, 0.3, (len(types), n)) * (programs != "noise")
    aside = (rng.random((len(fields), n)) < ASIDE_CHANCE) & (programs != "noise")
    by_place = config.spatial_strength * rng.normal(0, ASIDE, (len(fields), n)) * aside
    responds = (rng.random((len(types), n)) < 0.85).astype(float)
    drivers = np.full(n, "", dtype=object)
    families = np.array([t.family for t in types])
    base = rng.normal(0, 1.0, n)
    for i, gene in enumerate(np.flatnonzero(programs == "type")):
        which = i % len(types)
        effect = rng.uniform(2.0, 4.5)
        by_type[families == families[which], gene] += rng.uniform(0, 0.5) * effect
        by_type[which, gene] = effect
        base[gene] -= 1.3
        drivers[gene] = types[which].name
    for program, group in layout.programs.items():
        low, high = EFFECTS[program]
        for i, gene in enumerate(np.flatnonzero(programs == program)):
            driver = group[i % len(group)]
            sign = rng.choice([-1, 1]) if program in ("gradient", "patch") else 1
            effect = sign * rng.uniform(low, high) * config.spatial_strength
            by_place[fields.index(driver), gene] = effect
            base[gene] -= max(0.0, effect) / 2
            drivers[gene] = driver
    base[programs == "housekeeping"] += 1.2
    states = rng.normal(0, STATE, (N_STATES, n)) * (rng.random((N_STATES, n)) < 0.3)
    return Genes(
        _names(layout, programs, drivers), programs, drivers, base, by_type, by_place, fields,
        responds, states, config.dispersion * rng.lognormal(0, 0.45, n),
        _waves(n, config.size, rng),
    )  # fmt: skip


def _programs(n: int) -> Array:
    sizes = [max(1, round(share * n)) for share in SHARES.values()]
    names = np.repeat([*SHARES, "noise"], [*sizes, n - sum(sizes)])
    return names.astype(object)


def _names(layout: Layout, programs: Array, drivers: Array) -> Array:
    known = {t.name: list(t.markers) for t in layout.types}
    known |= {place: list(names) for place, names in layout.places.items()}
    names, used = [], set[str]()
    for i, (program, driver) in enumerate(zip(programs, drivers)):
        waiting = [m for m in known.get(driver, []) if m not in used] if program != "noise" else []
        names.append(waiting[0] if waiting else f"{program[:2].upper()}{i + 1:04d}")
        used.add(names[-1])
    return np.array(names, dtype=object)


def _waves(n: int, size: float, rng: np.random.Generator) -> Array:
    angle = np.arange(n) * np.pi * (3 - np.sqrt(5))
    length = np.pi * rng.uniform(0.5, 1.1, n) / size
    height, phase = rng.uniform(0.6, 1.2, n), rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([length * np.cos(angle), length * np.sin(angle), phase, height])


def exact_counts(genes: Genes, cells: Cells) -> csr_matrix:
    """Return noiseless counts, (cells, genes): rounded smooth waves of x and y alone."""
    kx, ky, phase, height = genes.waves.T
    log_rate = height * np.sin(np.outer(cells.points[:, 0], kx) + np.outer(cells.points[:, 1], ky)
                               + phase)  # fmt: skip
    rate = np.exp(log_rate)
    share = rate / rate.sum(1, keepdims=True)
    return csr_matrix(np.rint(share * EXACT * len(phase)).astype(np.float32))


def draw_counts(
    genes: Genes,
    cells: Cells,
    section: SectionMap,
    depth_factor: Array,
    measurement: Measurement,
    config: SimulatorConfig,
    rng: np.random.Generator,
    reporter: Reporter,
) -> csr_matrix:
    """Draw counts: negative binomial around the expected ones, then dropout.

    The counts of gene g in cell c are Poisson with a Gamma-distributed mean, so that their variance
    is m + φ·m². A gene with mean m is then missed with probability ``dropout``·exp(−m), after ZIFA
    (Pierson & Yau 2015, https://doi.org/10.1186/s13059-015-0805-z), which uses exp(−λm²).

    Returns
    -------
    (cells, genes) csr float32
    """
    place = np.column_stack([section.at(name, cells.points) for name in genes.fields])
    state = rng.normal(size=(len(cells.types), N_STATES))
    shape = 1 / np.maximum(genes.dispersion, 1e-6)
    some = slice(0, _CHUNK)
    soup = _shares(genes, cells.types[some], place[some], state[some], measurement).mean(0)
    blocks = []
    for start in range(0, len(cells.types), _CHUNK):
        reporter.check()
        part = slice(start, start + _CHUNK)
        share = _shares(genes, cells.types[part], place[part], state[part], measurement)
        share = (1 - measurement.ambient) * share + measurement.ambient * soup
        mean = share * (measurement.depth * depth_factor[part])[:, None]
        rate = mean * rng.standard_gamma(shape, mean.shape) / shape
        counts = rng.poisson(rate).astype(np.float32)
        counts[rng.random(mean.shape, np.float32) < config.dropout * np.exp(-mean)] = 0
        blocks.append(csr_matrix(counts))
    return vstack(blocks, format="csr", dtype=np.float32)


def _shares(
    genes: Genes, types: Array, place: Array, state: Array, measurement: Measurement
) -> Array:
    log_rate = genes.base + genes.by_type[types] + state @ genes.by_state
    log_rate += (place @ genes.by_place) * genes.responds[types]
    rate = np.exp(log_rate + measurement.gene_effect)
    return np.asarray(rate / rate.sum(1, keepdims=True))
