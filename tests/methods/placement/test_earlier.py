"""Models of before 0.2 took Visium spots as 55 µm wide; their µm are corrected, refused or told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_spatialrecon.errors import CheckpointError
from napari_spatialrecon.methods.placement.earlier import in_true_um
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.training import checkpoint

FOLDER = Path("model")
SHORT = 55 / 65


def with_um(reference: Reference, ratios: tuple[float, float]) -> Reference:
    """Return a reference whose slides have that many times the µm that they should have."""
    scales = reference.frame.scales * ratios
    radius = reference.frame.radius * ratios[0]
    grown = np.array(ratios) / ratios[0]
    infos = zip(reference.slides, ratios, strict=True)
    return replace(
        reference,
        frame=replace(reference.frame, scales=scales, radius=radius),
        places=tuple(p * g for p, g in zip(reference.places, grown, strict=True)),
        slides=tuple(replace(s, um_per_unit=s.um_per_unit * r) for s, r in infos),
    )


@pytest.fixture
def save_as_format_1(monkeypatch) -> Callable[[Knn, Path], None]:
    def save(method: Knn, folder: Path) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "FORMAT", 1)
            method.save(folder)

    return save


def test_an_earlier_model_places_as_before_and_has_true_um(
    methods, cells, tmp_path, save_as_format_1
) -> None:
    true, old = methods["knn"], Knn()
    old.fitted = replace(true.fitted, reference=with_um(true.reference, (SHORT, SHORT)))
    save_as_format_1(old, tmp_path / "model")
    read = Knn.load(tmp_path / "model")
    np.testing.assert_allclose(read.reference.frame.scales, true.reference.frame.scales)
    assert read.reference.slides[0].um_per_unit == pytest.approx(
        true.reference.slides[0].um_per_unit
    )
    for display in (0, 1):
        before, after = (m.place(cells, display=display) for m in (true, read))
        np.testing.assert_allclose(after.coordinates, before.coordinates)
    assert "were corrected" in read.notes[-1]


def test_a_model_of_today_is_not_corrected(methods, tmp_path) -> None:
    old = Knn()
    old.fitted = replace(
        methods["knn"].fitted, reference=with_um(methods["knn"].reference, (SHORT, SHORT))
    )
    old.save(tmp_path / "model")
    np.testing.assert_array_equal(
        Knn.load(tmp_path / "model").reference.frame.scales, old.reference.frame.scales
    )


def test_an_earlier_model_whose_scale_was_stated_is_kept(methods) -> None:
    reference = methods["knn"].reference
    assert in_true_um(reference, FOLDER) == (reference, ())


def test_an_earlier_model_that_mixed_scales_is_refused(methods) -> None:
    mixed = with_um(methods["knn"].reference, (SHORT, 1.0))
    with pytest.raises(CheckpointError, match="took one as 15% smaller than two") as caught:
        in_true_um(mixed, FOLDER)
    assert "training the model again" in caught.value.remedy


def test_an_earlier_model_of_spots_on_no_array_is_doubted(methods) -> None:
    reference = methods["knn"].reference
    rng = np.random.default_rng(0)
    places = tuple(rng.uniform(-1, 1, p.shape) for p in reference.places)
    kept, notes = in_true_um(replace(reference, places=places), FOLDER)
    assert kept.slides == reference.slides
    assert notes[0].startswith("The model is of a version before 0.2: if one, two is Visium")


def test_slides_in_um_are_as_they_were(methods) -> None:
    reference = with_um(methods["knn"].reference, (SHORT, SHORT))
    slides = tuple(replace(s, unit="um") for s in reference.slides)
    kept, notes = in_true_um(replace(reference, slides=slides), FOLDER)
    assert (kept.frame, notes) == (reference.frame, ())
