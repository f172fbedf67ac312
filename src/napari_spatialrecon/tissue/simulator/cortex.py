"""Cortex: pia, layers 1 to 6, white matter, penetrating vessels, curved boundaries.

Depths and cell shares roughly follow mouse sensory cortex; the size can be chosen.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from napari_spatialrecon.tissue.simulator.layout import (
    Array,
    CellType,
    Layout,
    Nucleus,
    RandomField,
    SectionMap,
    along_contours,
    directions,
    grid,
    soft,
    within,
)

LAYERS = ("L1", "L2/3", "L4", "L5", "L6", "WM")
#: End of each layer, as a share of the depth from pia to the end of the white matter.
ENDS = (0.08, 0.29, 0.41, 0.58, 0.77)
DENSITY = (0.5, 1.15, 1.45, 0.9, 1.15, 1.0)
#: Thickness of the block and radius of its arch, relative to its width.
THICKNESS, ARCH = 0.76, 2.0

_NEURON = partial(Nucleus, dark=0.5, open=0.8, haze=0.16, reach=1.7)
_EXC = partial(CellType, family="excitatory")
_INH = partial(CellType, family="inhibitory", size=1.2)

TYPES = (
    _EXC("L2/3 IT", size=1.3, nucleus=_NEURON(4.6), markers=("Cux2", "Otof", "Rasgrf2")),
    _EXC("L4 IT", size=1.1, nucleus=_NEURON(4.0), markers=("Rorb", "Rspo1", "Scnn1a")),
    _EXC("L5 IT", size=1.5, nucleus=_NEURON(5.4), markers=("Deptor", "Fezf2", "Hsd11b1")),
    _EXC("L5 PT", size=2.0, nucleus=_NEURON(6.2), markers=("Bcl11b", "Fam84b", "Pou3f1")),
    _EXC("L6 IT", size=1.2, nucleus=_NEURON(4.5), markers=("Osr1", "Penk", "Sulf1")),
    _EXC("L6 CT", size=1.2, nucleus=_NEURON(4.5), markers=("Foxp2", "Syt6", "Tle4")),
    _EXC("L6b", size=1.1, nucleus=_NEURON(4.2), markers=("Cplx3", "Nxph4", "Ccn2")),
    _INH("Pvalb", nucleus=_NEURON(4.6), markers=("Pvalb", "Tac1")),
    _INH("Sst", nucleus=_NEURON(4.4), markers=("Sst", "Chodl")),
    _INH("Vip", nucleus=_NEURON(3.9), markers=("Vip", "Calb2")),
    _INH("Lamp5", nucleus=_NEURON(4.0), markers=("Lamp5", "Reln")),
    CellType("Astrocyte", "glia", 0.7, Nucleus(3.7, 1.25, 0.55, 0.5), ("Aqp4", "Gja1", "Slc1a3")),
    CellType(
        "Oligodendrocyte", "oligo", 0.6, Nucleus(3.0, 1.08, 1.0, 0.0, haze=-0.12, pink=-0.14),
        ("Mbp", "Plp1", "Mog"),
    ),
    CellType("OPC", "oligo", 0.6, Nucleus(3.3, 1.3, 0.8, 0.2), ("Pdgfra", "Cspg4")),
    CellType("Microglia", "immune", 0.45, Nucleus(2.7, 2.4, 1.0, 0.0), ("Cx3cr1", "C1qa", "Csf1r")),
    CellType(
        "Endothelial", "vascular", 0.5, Nucleus(2.6, 3.4, 0.95, 0.0, "wall"), ("Cldn5", "Flt1")
    ),
    CellType("Pericyte", "vascular", 0.4, Nucleus(2.4, 2.6, 0.9, 0.0, "wall"), ("Kcnj8", "Rgs5")),
    CellType("VLMC", "vascular", 0.6, Nucleus(2.7, 3.4, 0.9, 0.0, "fibre"), ("Col1a1", "Dcn")),
)  # fmt: skip

#: Share of each type in L1, L2/3, L4, L5, L6 and white matter, before vessels and pia.
SHARES = np.array([
    [0.5, 52, 5, 0.5, 0, 0], [0, 4, 56, 2, 0, 0], [0, 0, 4, 30, 1, 0], [0, 0, 0, 15, 0.5, 0],
    [0, 0, 0, 1, 17, 0], [0, 0, 0, 1, 33, 0.5], [0, 0, 0, 0, 2, 1.5], [0, 4, 7, 7, 4, 0],
    [0, 2.5, 3, 6, 4.5, 0.2], [2, 5, 2.5, 1.5, 1, 0.1], [13, 3, 1.5, 1.5, 2, 0.1],
    [45, 11, 9, 11, 11, 15], [6, 3, 5, 10, 13, 62], [11, 5, 4, 5, 5, 6], [10, 5, 4, 5, 5, 7],
    [8, 5, 5, 5, 5, 4], [3, 2, 2, 2, 2, 1.5], [3, 0, 0, 0, 0, 0],
])  # fmt: skip

PROGRAMS = {
    "layer": tuple(f"in {name}" for name in LAYERS),
    "gradient": ("depth", "lateral", "oblique"),
    "niche": ("near pia", "near vessel", "near white matter"),
    "patch": tuple(f"patch {i}" for i in range(6)),
}
PLACES = {
    "depth": ("Cadps2", "Etv1"), "lateral": ("Lmo4", "Crym"), "near pia": ("Gfap", "Id3"),
    "near vessel": ("Hif3a", "Cxcl12"), "near white matter": ("Ptgds", "Trf"),
}  # fmt: skip


def cortex(size: float, rng: np.random.Generator) -> Layout:
    """Return a block of cortex `size` µm wide, with undulations and vessels drawn from `rng`."""
    block = _Block(size, rng)
    return Layout(TYPES, LAYERS, PROGRAMS, block.section, PLACES)


class _Block:
    def __init__(self, size: float, rng: np.random.Generator) -> None:
        self.size, self.unit = size, size / 2600
        self.bend = rng.uniform(0.36, 0.46)
        self.folds = [RandomField.draw(rng, f * size) for f in (0.25, 0.06, 0.25)]
        self.edges = [RandomField.draw(rng, f * size) for f in (0.12, 0.012)]
        self.patches = [RandomField.draw(rng, f * size) for f in rng.uniform(0.09, 0.28, 6)]
        self.texture = RandomField.draw(rng, 90.0)
        n = max(2, round(size / 330))
        self.vessels = np.column_stack([
            (np.arange(n) + rng.uniform(0.1, 0.9, n)) / n * size, rng.uniform(2.0, 6.0, n),
            rng.uniform(0.25, 0.95, n), rng.uniform(0, 2 * np.pi, n), rng.uniform(-0.4, 0.4, n),
        ])  # fmt: skip
        m = max(3, round((size / 420) ** 2))
        self.cuts = np.column_stack([rng.uniform(0, 1, (m, 2)), rng.uniform(3.5, 12.0, m)])
        self.cuts_drift = rng.normal(0, 0.15, (m, 2))

    def section(self, z: float) -> SectionMap:
        size, thick = self.size, self.size * THICKNESS
        radius, centre = ARCH * size, self.bend * size
        margin = 0.03 * size
        inner = radius - thick
        drop = inner - np.sqrt(inner**2 - (size - centre) ** 2)
        extent = (size, thick + drop + 2.5 * margin)
        x, y = grid(extent)
        fold, ripple, bank = (f.on(x, y, z) for f in self.folds)
        edge, fray = (f.on(x, y, z) for f in self.edges)
        xx, yy = np.meshgrid(x, y)
        distance = np.hypot(xx - centre, yy - margin - radius)
        from_pia = radius - distance + self.unit * (22 * fold + 4 * ripple)
        depth = from_pia / thick
        rough = 14 * self.unit * edge + 3.5 * fray
        sides = np.minimum(xx, size - xx) - 0.02 * size + rough
        tissue = np.minimum(np.minimum(from_pia, thick - from_pia + rough), sides)
        tissue = within(tissue, x, y)
        lateral = np.arctan2(xx - centre, radius + margin - yy) * radius + centre
        lumen = self._lumen(lateral, from_pia, z)
        layered = depth + 0.010 * bank + 0.003 * ripple
        steps = [soft(layered - end, 0.007) for end in ENDS]
        layers = np.stack([a - b for a, b in zip([np.ones_like(depth), *steps], [*steps, 0])])
        places = {f"in {name}": values for name, values in zip(LAYERS, layers)}
        places |= {
            "depth": 2 * depth - 1,
            "lateral": 2 * xx / size - 1,
            "oblique": np.cos(np.pi * (1.1 * xx + 0.7 * yy) / size),
            "near pia": np.exp(-np.maximum(from_pia, 0) / (60 * self.unit)),
            "near vessel": np.exp(-np.maximum(lumen - 3, 0) / 22),
            "near white matter": np.exp(-np.abs(layered - ENDS[-1]) / 0.045),
        }
        places |= {name: f.on(x, y, z) for name, f in zip(PROGRAMS["patch"], self.patches)}
        stain = self._stain(layers, from_pia, lumen, self.texture.on(x, y, z))
        fields = {**places, **stain, "tissue": tissue, "lumen": lumen}
        return SectionMap(
            extent,
            {name: np.asarray(values, np.float32) for name, values in fields.items()},
            self._density(layers, tissue, lumen),
            self._weights(layers, layered, from_pia, lumen),
            np.searchsorted(ENDS, layered.ravel()).reshape(layered.shape).astype(np.int8),
        )

    def _lumen(self, lateral: Array, from_pia: Array, z: float) -> Array:
        lumen = np.full(lateral.shape, 1e3)
        thick = self.size * THICKNESS
        for place, radius, end, phase, drift in self.vessels:
            course = 17 * np.sin(from_pia / 150 + phase) + 5 * np.sin(from_pia / 41 + 2 * phase)
            taper = radius * np.clip(1.05 - 0.6 * from_pia / (end * thick), 0.2, 1)
            out_of_plane = np.sin(from_pia / (55 + 20 * phase) + 5 * phase + z / 40)
            taper = taper - 9 * soft(out_of_plane, 0.15)
            beyond = np.maximum(0, from_pia - end * thick)
            away = np.hypot(lateral - place - drift * z - course, beyond)
            lumen = np.minimum(lumen, away - taper)
        for (across, down, radius), move in zip(self.cuts, self.cuts_drift):
            away = np.hypot(
                lateral - across * self.size - move[0] * z,
                1.2 * (from_pia - down * thick - move[1] * z),
            )
            lumen = np.minimum(lumen, away - radius)
        return lumen

    def _density(self, layers: Array, tissue: Array, lumen: Array) -> Array:
        density = np.tensordot(np.array(DENSITY), layers, 1)
        density = density + 3.5 * np.exp(-(((lumen - 3) / 3.0) ** 2))
        return np.asarray(density * (tissue > 4) * (lumen > 1), np.float32)

    def _weights(self, layers: Array, layered: Array, from_pia: Array, lumen: Array) -> Array:
        weights = np.tensordot(SHARES, layers, 1).astype(np.float32)
        index = {cell_type.name: i for i, cell_type in enumerate(TYPES)}
        wall = np.exp(-(((lumen - 3) / 4.0) ** 2))
        border = np.exp(-(((layered - ENDS[-1] + 0.008) / 0.012) ** 2))
        pia = np.exp(-from_pia / 9.0) * (from_pia > -20)
        weights *= 1 - 0.95 * np.maximum(wall, np.clip(pia, 0, 1))
        weights[index["Endothelial"]] += 70 * wall
        weights[index["Pericyte"]] += 22 * wall
        weights[index["L6b"]] += 45 * border
        weights[index["VLMC"]] += 90 * np.clip(pia, 0, 1)
        return weights

    def _stain(
        self, layers: Array, from_pia: Array, lumen: Array, texture: Array
    ) -> dict[str, Array]:
        white = layers[-1]
        return {
            "eosin": 0.30 - 0.03 * layers[0] + 0.10 * white + 0.02 * texture
            + 0.25 * np.exp(-np.abs(from_pia) / 5) + 0.16 * np.exp(-np.abs(lumen) / 2.5),
            "haze": 0.075 + 0.02 * layers[2] + 0.02 * texture - 0.02 * white,
            "fibre": 0.10 + 0.38 * white,
            "grain": 0.75 - 0.35 * white,
            "blood": soft(-1.5 - lumen, 0.7) * (texture > 0.5),
            **directions(along_contours(from_pia)),
        }  # fmt: skip
