"""Carcinoma: nests with an invasive margin and necrotic cores, stroma, lymphoid aggregates, fat."""

from __future__ import annotations

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
)
from napari_spatialrecon.tissue.simulator.nests import HEIGHT, Shapes

NICHES = ("stroma", "nest", "margin", "hypoxic", "necrosis", "immune aggregate", "fat")

_TUMOUR = Nucleus(4.9, 1.3, 0.72, 0.6, haze=0.2, pink=0.08, reach=1.75)
_LYMPHOCYTE = Nucleus(3.1, 1.06, 1.15, 0.0, haze=0.05, reach=1.3)
_SPINDLE = Nucleus(3.3, 3.2, 0.8, 0.1, "fibre")
_WALL = Nucleus(2.8, 3.3, 0.95, 0.0, "wall")

TYPES = (
    CellType("Tumour", "tumour", 1.5, _TUMOUR, ("EPCAM", "KRT8", "KRT18", "ERBB2", "GATA3")),
    CellType(
        "Tumour cycling", "tumour", 2.0, Nucleus(5.6, 1.2, 0.95, 0.2, haze=0.2, reach=1.6),
        ("MKI67", "TOP2A", "CCNB1"),
    ),
    CellType(
        "Tumour hypoxic", "tumour", 1.0, Nucleus(4.3, 1.4, 0.95, 0.2, haze=0.1, pink=0.14),
        ("NDRG1", "ADM"),
    ),
    CellType("Myofibroblast", "stromal", 1.1, _SPINDLE, ("FAP", "ACTA2", "POSTN", "COL11A1")),
    CellType("Fibroblast", "stromal", 0.9, _SPINDLE, ("COL1A1", "DCN", "PDGFRA", "LUM")),
    CellType("Endothelial", "vascular", 0.8, _WALL, ("PECAM1", "VWF", "CLDN5")),
    CellType("Pericyte", "vascular", 0.7, _WALL, ("RGS5", "PDGFRB")),
    CellType("CD8 T", "lymphoid", 0.5, _LYMPHOCYTE, ("CD8A", "GZMK", "CD3E")),
    CellType("CD4 T", "lymphoid", 0.5, _LYMPHOCYTE, ("CD4", "IL7R", "CD3D")),
    CellType("B", "lymphoid", 0.5, _LYMPHOCYTE, ("MS4A1", "CD79A", "BANK1")),
    CellType(
        "Plasma", "lymphoid", 0.9, Nucleus(3.4, 1.05, 1.0, 0.15, haze=0.3, pink=0.1, reach=1.9),
        ("MZB1", "TNFRSF17"),
    ),
    CellType(
        "Macrophage", "myeloid", 1.0, Nucleus(3.9, 1.5, 0.65, 0.4, haze=-0.02, pink=0.1, reach=2.1),
        ("CD68", "CD163", "C1QA"),
    ),
    CellType("Dendritic", "myeloid", 0.9, Nucleus(3.5, 1.4, 0.8, 0.2), ("ITGAX", "CD1C")),
    CellType("Mast", "myeloid", 0.7, Nucleus(3.1, 1.2, 0.95, 0.0, haze=0.3), ("TPSAB1", "KIT")),
    CellType("Adipocyte", "fat", 0.7, _WALL, ("ADIPOQ", "LPL", "PLIN1")),
)  # fmt: skip

PROGRAMS = {
    "layer": ("nest core", "margin", "stroma", "fat", "clone 1", "clone 2"),
    "gradient": ("across", "down", "from nests"),
    "niche": ("hypoxia", "necrosis", "immune aggregate", "near vessel"),
    "patch": tuple(f"patch {i}" for i in range(6)),
}
PLACES = {
    "hypoxia": ("CA9", "VEGFA", "SLC2A1"), "margin": ("LAMC2", "MMP1"),
    "immune aggregate": ("CXCL13", "CCL19"), "near vessel": ("CXCL12", "ANGPT2"),
    "necrosis": ("HMOX1", "S100A8"), "from nests": ("SFRP2", "C7"),
}  # fmt: skip


def tumour(size: float, rng: np.random.Generator) -> Layout:
    """Return a block of carcinoma `size` µm wide, with nests and vessels drawn from `rng`."""
    block = _Block(size, rng)
    return Layout(TYPES, NICHES, PROGRAMS, block.section, PLACES)


class _Block:
    def __init__(self, size: float, rng: np.random.Generator) -> None:
        self.size, self.unit, self.shapes = size, min(size / 2600, 1.0), Shapes(size, rng)
        self.patches = [RandomField.draw(rng, f * size) for f in rng.uniform(0.08, 0.25, 6)]
        self.texture, self.waves = RandomField.draw(rng, 70.0), RandomField.draw(rng, 330.0)

    def section(self, z: float) -> SectionMap:
        extent = (self.size, HEIGHT * self.size)
        x, y = grid(extent)
        shapes = self.shapes
        tissue, nest = shapes.outline(x, y, z), shapes.nests(x, y, z)
        fat = shapes.fat(x, y, z, nest)
        vessel = shapes.vessels(x, y, nest, fat)
        vacuole = np.where(fat > 0.5, shapes.vacuoles(x, y), 1e3)
        texture = self.texture.on(x, y, z)
        cleft = np.where(texture > 0.75, np.abs(nest + 4) - 2.6, 1e3)
        wide = 95 * self.unit
        necrosis = soft(nest - wide - 22 * self.unit * texture, 7) * (nest > 0.6 * wide)
        aggregate = shapes.aggregates(x, y, nest, fat)
        places = self._places(x, y, nest, fat, vessel, necrosis, aggregate)
        places |= {name: f.on(x, y, z) for name, f in zip(PROGRAMS["patch"], self.patches)}
        lumen = np.minimum(np.minimum(vessel, vacuole), cleft)
        waves = self.waves.on(x, y, z)
        stain = self._stain(nest, necrosis, fat, vessel, lumen, aggregate, texture, waves)
        fields = {**places, **stain, "tissue": tissue, "lumen": lumen}
        return SectionMap(
            extent,
            {name: np.asarray(values, np.float32) for name, values in fields.items()},
            self._density(nest, tissue, lumen, fat, necrosis, aggregate),
            self._weights(nest, vessel, vacuole, fat, necrosis, aggregate, places["hypoxia"]),
            self._niche(nest, fat, necrosis, aggregate, places["hypoxia"]),
        )

    def _places(
        self, x: Array, y: Array, nest: Array, fat: Array, vessel: Array, necrosis: Array,
        aggregate: Array,
    ) -> dict[str, Array]:  # fmt: skip
        unit = self.unit
        owner, inside = self.shapes.owner(x, y), soft(nest, 5)
        return {
            "nest core": soft(nest - 35 * unit, 14 * unit),
            "margin": np.exp(-np.abs(nest) / (32 * unit)),
            "stroma": (1 - inside) * (1 - fat),
            "fat": fat,
            "clone 1": inside * (owner % 3 == 0),
            "clone 2": inside * (owner % 3 == 1),
            "across": np.broadcast_to(2 * x / self.size - 1, nest.shape),
            "down": np.broadcast_to(2 * y[:, None] / (HEIGHT * self.size) - 1, nest.shape),
            "from nests": np.tanh(-nest / (160 * unit)),
            "hypoxia": soft(nest - 62 * unit, 13 * unit) * soft(vessel - 60 * unit, 15),
            "necrosis": necrosis,
            "immune aggregate": aggregate,
            "near vessel": np.exp(-np.maximum(vessel, 0) / 24),
        }

    def _density(
        self, nest: Array, tissue: Array, lumen: Array, fat: Array, necrosis: Array,
        aggregate: Array,
    ) -> Array:  # fmt: skip
        inside = soft(nest, 4)
        density = 0.75 + 1.0 * inside + 3.4 * aggregate + 0.4 * fat
        density = density * (1 - 0.86 * necrosis) + 1.5 * np.exp(-(((lumen - 3) / 3.0) ** 2))
        return np.asarray(density * (tissue > 3) * (lumen > 1.0 - 3 * fat), np.float32)

    def _weights(
        self, nest: Array, vessel: Array, vacuole: Array, fat: Array, necrosis: Array,
        aggregate: Array, hypoxia: Array,
    ) -> Array:  # fmt: skip
        inside, near = soft(nest, 3), np.exp(-np.maximum(-nest, 0) / (75 * self.unit))
        stroma = (1 - inside) * (1 - fat) * (1 - aggregate)
        core, wall = aggregate**3, np.exp(-(((vessel - 3) / 4.0) ** 2))
        mantle = aggregate - core
        edge = np.exp(-np.abs(nest) / (35 * self.unit))
        weights = {
            "Tumour": 90 * inside * (1 - 0.85 * hypoxia),
            "Tumour cycling": inside * (1 - hypoxia) * (4 + 12 * edge),
            "Tumour hypoxic": 75 * inside * hypoxia,
            "Myofibroblast": 45 * stroma * near,
            "Fibroblast": stroma * (12 + 38 * (1 - near)) + 18 * fat,
            "Endothelial": 5 * stroma + 130 * wall + 9 * fat,
            "Pericyte": 2 * stroma + 42 * wall,
            "CD8 T": stroma * (5 + 11 * edge) + 12 * mantle + 8 * core + 2.2 * inside,
            "CD4 T": 6 * stroma + 50 * mantle + 22 * core + 0.6 * inside,
            "B": 1.5 * stroma + 22 * mantle + 72 * core,
            "Plasma": stroma * (3 + 6 * (1 - near)) + 9 * mantle,
            "Macrophage": 9 * stroma + 6 * inside * edge + 22 * necrosis + 8 * fat,
            "Dendritic": 2 * stroma + 6 * mantle + 2 * core,
            "Mast": 1.6 * stroma + 1.5 * fat,
            "Adipocyte": 60 * fat * np.exp(-np.maximum(vacuole, 0) / 4),
        }
        return np.stack([weights[t.name] for t in TYPES]).astype(np.float32)

    def _niche(
        self, nest: Array, fat: Array, necrosis: Array, aggregate: Array, hypoxia: Array
    ) -> Array:
        near_edge = np.abs(nest) < 30 * self.unit
        cases = [necrosis > 0.5, aggregate > 0.5, fat > 0.5, near_edge, hypoxia > 0.5, nest > 0]
        codes = [NICHES.index(n) for n in (
            "necrosis", "immune aggregate", "fat", "margin", "hypoxic", "nest"
        )]  # fmt: skip
        return np.select(cases, codes, NICHES.index("stroma")).astype(np.int8)

    def _stain(
        self, nest: Array, necrosis: Array, fat: Array, vessel: Array, lumen: Array,
        aggregate: Array, texture: Array, waves: Array,
    ) -> dict[str, Array]:  # fmt: skip
        inside = soft(nest, 3)
        stroma = (1 - inside) * (1 - fat)
        swirl = directions(1.1 * waves)
        ring = directions(along_contours(nest))
        close = np.exp(-np.maximum(-nest, 0) / 60)
        return {
            "eosin": 0.33 * inside + stroma * (0.50 + 0.06 * texture) + 0.30 * fat
            + 0.28 * necrosis - 0.2 * aggregate + 0.15 * np.exp(-np.abs(lumen) / 2.5),
            "haze": 0.12 * inside * (1 - necrosis) + 0.04 * stroma + 0.09 * aggregate
            + 0.05 * necrosis,
            "fibre": (stroma * (1 - 0.8 * aggregate) + 0.1).clip(0, 1),
            "grain": 0.5 * inside + 1.6 * necrosis,
            "blood": soft(-1.5 - vessel, 0.7) * (texture > 0.0),
            "cos2": (1 - close) * swirl["cos2"] + close * ring["cos2"],
            "sin2": (1 - close) * swirl["sin2"] + close * ring["sin2"],
        }  # fmt: skip
