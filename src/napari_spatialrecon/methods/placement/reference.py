"""Reference slides for placement methods: features and places in a common frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.tissue.contract import Prepared, um_per_unit, unit
from napari_spatialrecon.tissue.frame import Points, ReferenceFrame
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.preprocess import (
    Features,
    FeatureSpace,
    fit_features,
)
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.tissue.slots import SPATIAL


@dataclass(frozen=True)
class SlideInfo:
    """Name and unit of a reference slide."""

    name: str
    unit: str
    um_per_unit: float | None


@dataclass(frozen=True)
class Reference:
    """Slides in a feature space.

    Parameters
    ----------
    space
        Preprocessing of counts to features.
    frame
        Centres and radius of the slides.
    features : one (n_spots, d) float32 per slide
    places : one (n_spots, 2) float per slide
        (x, y), centred, in units of the frame's radius.
    slides
        Name, unit ("um", "px" or "unit") and µm per unit (None where unknown) of each slide.
    """

    space: FeatureSpace
    frame: ReferenceFrame
    features: tuple[Features, ...]
    places: tuple[Points, ...]
    slides: tuple[SlideInfo, ...]

    @classmethod
    def fit(
        cls,
        references: Sequence[Prepared],
        query: Prepared | None,
        config: PreprocessConfig,
        *,
        seed: int,
        weights: Sequence[NDArray[np.float64]] | None = None,
    ) -> tuple[Reference, Features | None]:
        """Fit the feature space; return the reference and the query's features.

        Parameters
        ----------
        weights : one (n_spots,) float per slide, optional
            Weight of each spot in the standardisation of the slide's genes; equal if None.
        """
        space, features, query_features = fit_features(
            references, query, config, seed=seed, weights=weights
        )
        return cls._of(space, features, references), query_features

    @classmethod
    def embed(cls, references: Sequence[Prepared], space: FeatureSpace) -> Reference:
        """Embed slides in a fitted feature space."""
        return cls._of(space, [space.transform(r)[0] for r in references], references)

    @classmethod
    def _of(
        cls, space: FeatureSpace, features: Sequence[Features], references: Sequence[Prepared]
    ) -> Reference:
        points = [np.asarray(r.adata.obsm[SPATIAL], dtype=float) for r in references]
        slides = tuple(SlideInfo(r.name, unit(r.adata), um_per_unit(r.adata)) for r in references)
        frame = ReferenceFrame.of(points, _scales(slides))
        places = tuple(frame.normalise(p, i) for i, p in enumerate(points))
        return cls(space, frame, tuple(features), places, slides)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the slides."""
        return tuple(slide.name for slide in self.slides)

    def turned(self, turns: NDArray[np.float64]) -> Reference:
        """Return the reference with its slides rotated by `turns`, (n_slides, 2, 2)."""
        places = tuple(p @ t.T for p, t in zip(self.places, turns, strict=True))
        return replace(self, frame=self.frame.turned(turns), places=places)

    def only(self, slide: int) -> Reference:
        """Return one slide of the reference, in the same frame."""
        return replace(
            self,
            features=(self.features[slide],),
            places=(self.places[slide],),
            slides=(self.slides[slide],),
        )

    @property
    def all_features(self) -> Features:
        """Features of all slides' spots, concatenated slide by slide."""
        return np.concatenate(self.features)

    @property
    def all_places(self) -> Points:
        """Places of all slides' spots, in the order of `all_features`."""
        return np.concatenate(self.places)

    def by_slide(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Return values of all spots, (n_spots, ...), as one array per slide."""
        return np.split(values, np.cumsum([len(p) for p in self.places])[:-1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays saved in a checkpoint."""
        result: dict[str, NDArray[Any]] = {f"space.{k}": v for k, v in self.space.arrays().items()}
        result["frame.centres"] = self.frame.centres
        result["frame.scales"] = self.frame.scales
        result["frame.turns"] = self.frame.turns
        result["frame.radius"] = np.array([self.frame.radius])
        result["reference.features"] = self.all_features
        result["reference.places"] = self.all_places
        result["reference.sizes"] = np.array([len(p) for p in self.places])
        return result

    def describe(self) -> list[dict[str, Any]]:
        """Return the slides as plain values, for JSON."""
        return [asdict(slide) for slide in self.slides]

    @classmethod
    def from_arrays(
        cls,
        genes: GeneNames,
        slides: Sequence[Mapping[str, Any]],
        arrays: Mapping[str, NDArray[Any]],
    ) -> Reference:
        """Rebuild the reference from its `arrays` and `describe`."""
        space = {k.removeprefix("space."): v for k, v in arrays.items() if k.startswith("space.")}
        cuts = np.cumsum(arrays["reference.sizes"])[:-1]
        return cls(
            FeatureSpace.from_arrays(genes, space),
            ReferenceFrame(
                arrays["frame.centres"],
                arrays["frame.scales"],
                float(arrays["frame.radius"][0]),
                arrays["frame.turns"],
            ),
            tuple(np.split(arrays["reference.features"], cuts)),
            tuple(np.split(arrays["reference.places"], cuts)),
            tuple(SlideInfo(**slide) for slide in slides),
        )


def _scales(slides: Sequence[SlideInfo]) -> list[float]:
    unknown = [s.name for s in slides if s.um_per_unit is None]
    if unknown and len(unknown) < len(slides):
        raise InputError(
            "Expected the size in µm of all reference slides or of none, "
            f"found it missing for {', '.join(unknown)}.",
            remedy=f"Try {argument('um_per_unit')} for those slides.",
        )
    return [1.0 if s.um_per_unit is None else s.um_per_unit for s in slides]
