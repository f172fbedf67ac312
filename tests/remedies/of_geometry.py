"""Remedies of point sets, maps and solvers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.geometry.maps.transforms import Transform, fit_transform
from napari_spatialrecon.geometry.pairs import MaskedPairs
from napari_spatialrecon.geometry.patchwork.patches import cover
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver
from napari_spatialrecon.progress import Reporter
from remedies.cases import Step, remedy

TRANSFORMS = "geometry/maps/transforms.py"
LANDMARKS = "geometry/solver/landmarks.py"
SOLVER = "geometry/solver/place_solver.py"
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.4, 0.7]])
LINE = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
RNG = np.random.default_rng(0)


@remedy(TRANSFORMS, "Try aligning the slide again.")
def _again() -> Iterator[Step]:
    yield lambda: Transform.from_dict({"model": "similarity", "matrix": np.eye(2)})
    fresh = fit_transform(CORNERS, CORNERS * 2)
    yield lambda: Transform.from_dict(fresh.to_dict())


@remedy(TRANSFORMS, "Try similarity.")
def _model() -> Iterator[Step]:
    said = yield lambda: fit_transform(CORNERS, CORNERS, "rigid")
    yield lambda: fit_transform(CORNERS, CORNERS, str(said)[4:-1])


@remedy(TRANSFORMS, "Try setting its position or removing it.")
def _finite() -> Iterator[Step]:
    lost = CORNERS.copy()
    lost[2] = np.nan
    yield lambda: fit_transform(lost, CORNERS)
    kept = [0, 1, 3, 4]
    yield lambda: (fit_transform(lost[kept], CORNERS[kept]), fit_transform(CORNERS, CORNERS))


@remedy(TRANSFORMS, "Try {} more pair{}{}.")
def _pairs() -> Iterator[Step]:
    said = yield lambda: fit_transform(CORNERS[:3], CORNERS[:3], "projective")
    more = int(str(said).split()[1])
    yield lambda: (
        fit_transform(CORNERS[: 3 + more], CORNERS[: 3 + more], "projective"),
        fit_transform(CORNERS[:3], CORNERS[:3], "similarity"),
    )


@remedy(TRANSFORMS, "Try a pair well away from that line.")
def _line() -> Iterator[Step]:
    yield lambda: fit_transform(LINE, LINE * 2)
    more = np.vstack([LINE, [[0.0, 3.0]]])
    yield lambda: fit_transform(more, more * 2)


@remedy(TRANSFORMS, "Try removing one of the two.")
def _twice() -> Iterator[Step]:
    twice = np.vstack([CORNERS, CORNERS[:1]])
    yield lambda: fit_transform(twice, twice, "thin-plate")
    yield lambda: fit_transform(CORNERS, CORNERS, "thin-plate")


@remedy(TRANSFORMS, "Try another pair away from the others, or the model affine.")
def _degenerate() -> Iterator[Step]:
    source = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [1.0, 2.0]])
    target = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [1.0, 2.0]])
    yield lambda: fit_transform(source, target, "projective")
    more, there = (np.vstack([points, [[3.0, 3.0]]]) for points in (source, target))
    yield lambda: (
        fit_transform(source, target, "affine"),
        fit_transform(more, there, "projective"),
    )


@remedy(TRANSFORMS, "Try pairs that span the tissue, or the model affine.")
def _horizon() -> Iterator[Step]:
    matrix = np.eye(3)
    matrix[2, 0] = 1.0
    tissue = np.array([[-5.0, 0.0], [5.0, 0.0], [0.0, 5.0], [4.0, 4.0], [-4.0, 3.0]])
    yield lambda: Transform("projective", matrix).apply(tissue)
    there = tissue + RNG.normal(0, 0.05, tissue.shape)
    yield lambda: (
        fit_transform(tissue, there, "projective").apply(tissue),
        fit_transform(CORNERS, Transform("projective", matrix).apply(CORNERS), "affine").apply(
            tissue
        ),
    )


@remedy("geometry/pairs.py", "Try no mask, or nearest neighbors in the latent space.")
def _mask() -> Iterator[Step]:
    latent, rng = RNG.normal(size=(30, 3)), np.random.default_rng(0)
    yield lambda: MaskedPairs(latent, csr_matrix((30, 30)), rng)
    from sklearn.neighbors import kneighbors_graph

    yield lambda: (MaskedPairs(latent, kneighbors_graph(latent, 5), rng), PlaceSolver(latent))


@remedy("geometry/patchwork/patches.py", "Try larger patches.")
def _patches() -> Iterator[Step]:
    around = np.eye(200)
    ring = csr_matrix(np.roll(around, 1, axis=1) + np.roll(around, -1, axis=1))
    yield lambda: cover(ring, 40, overlap=24, reporter=Reporter())
    yield lambda: cover(ring, 80, overlap=24, reporter=Reporter())


@remedy(
    "geometry/procrustes.py",
    "Try more points: 2 leave a reflection open, 3 not on one line fix the pose.",
)
def _few() -> Iterator[Step]:
    yield lambda: fit_pose(CORNERS[:2], CORNERS[:2])
    yield lambda: fit_pose(CORNERS[:3], CORNERS[:3])


@remedy("geometry/procrustes.py", "Try at least one point away from that line.")
def _flat() -> Iterator[Step]:
    yield lambda: fit_pose(LINE, LINE)
    more = np.vstack([LINE, [[0.0, 1.0]]])
    yield lambda: fit_pose(more, more)


def landmarks(rows: list[int], places: np.ndarray, **more: object) -> Landmarks:
    return Landmarks(np.array(rows), places, **more)  # type: ignore[arg-type]


GOOD = landmarks([0, 1, 2, 3], CORNERS[:4])


@remedy(LANDMARKS, "Try adding it as a landmark first.")
def _not_a_landmark() -> Iterator[Step]:
    yield lambda: GOOD.moved(9, np.zeros(2))
    more = landmarks([0, 1, 2, 3, 9], CORNERS)
    yield lambda: more.moved(9, np.zeros(2))


@remedy(LANDMARKS, "Try removing the landmarks of cells that are not in this query.")
def _other_cells() -> Iterator[Step]:
    yield lambda: landmarks([0, 1, 2, 3, 99], CORNERS).check_cells(50)
    yield lambda: GOOD.check_cells(50)


@remedy(LANDMARKS, "Try integers.")
def _integers() -> Iterator[Step]:
    yield lambda: Landmarks(np.array([0.5, 1.0, 2.0]), CORNERS[:3])
    yield lambda: Landmarks(np.array([0, 1, 2]), CORNERS[:3])


@remedy(LANDMARKS, "Try one position, one hard flag and one weight per index.")
def _one_each() -> Iterator[Step]:
    yield lambda: landmarks([0, 1, 2], CORNERS[:4])
    yield lambda: landmarks([0, 1, 2], CORNERS[:3], hard=np.ones(3, bool), weights=np.ones(3))


@remedy(LANDMARKS, "Try setting a position for that landmark or removing it.")
def _no_position() -> Iterator[Step]:
    lost = CORNERS[:4].copy()
    lost[3] = np.nan
    yield lambda: landmarks([0, 1, 2, 3], lost)
    yield lambda: (GOOD, landmarks([0, 1, 2], lost[:3]))


@remedy(LANDMARKS, "Try 10, or 100 to hold the cells closer.")
def _weight() -> Iterator[Step]:
    yield lambda: landmarks([0, 1, 2], CORNERS[:3], weights=np.zeros(3))
    yield lambda: [landmarks([0, 1, 2], CORNERS[:3], weights=np.full(3, w)) for w in (10, 100)]


@remedy(LANDMARKS, "Try keeping one position for that cell.")
def _cell_twice() -> Iterator[Step]:
    yield lambda: landmarks([0, 1, 2, 2], CORNERS[:4])
    yield lambda: landmarks([0, 1, 2], CORNERS[:3])


@remedy(LANDMARKS, "Try adding {} more away from the line through the others.")
def _three() -> Iterator[Step]:
    said = yield lambda: landmarks([0], CORNERS[:1])
    number = 1 + int(str(said).split()[2])
    yield lambda: landmarks(list(range(number)), CORNERS[:number])


@remedy(LANDMARKS, "Try adding one well away from that line.")
def _span() -> Iterator[Step]:
    yield lambda: landmarks([0, 1, 2], LINE[:3])
    yield lambda: landmarks([0, 1, 2, 3], np.vstack([LINE[:3], [[0.0, 4.0]]]))


@remedy(LANDMARKS, "Try landmarks in different parts of the tissue.")
def _same_latent() -> Iterator[Step]:
    latent = RNG.normal(size=(20, 4))
    latent[:4] = latent[0]
    yield lambda: fit_scale(latent, GOOD)
    apart = landmarks([4, 9, 13, 19], CORNERS[:4])
    yield lambda: fit_scale(latent, apart)


CELLS = RNG.uniform(0, 100, (60, 2))


@remedy(SOLVER, "Try 256.")
def _number_of_pairs() -> Iterator[Step]:
    yield lambda: PlaceSolver(CELLS, pairs=0)
    yield lambda: PlaceSolver(CELLS, pairs=256)


@remedy(SOLVER, "Try refitting it to the landmarks.")
def _scale() -> Iterator[Step]:
    solver, known = PlaceSolver(CELLS), landmarks([3, 30, 50], CELLS[[3, 30, 50]])
    yield lambda: solver.solve(known, scale=0.0)
    yield lambda: solver.solve(known, scale=fit_scale(CELLS, known))


@remedy(SOLVER, "Try solving with landmarks first.")
def _solve_first() -> Iterator[Step]:
    solver, known = PlaceSolver(CELLS), landmarks([3, 30, 50], CELLS[[3, 30, 50]])
    yield lambda: solver.move(3, np.zeros(2))
    yield lambda: (solver.solve(known), solver.move(3, np.zeros(2)))


@remedy(SOLVER, "Try adding a landmark in another part of the tissue.")
def _flat_latents() -> Iterator[Step]:
    latent = CELLS.copy()
    latent[:3] = [[0.0, 0.0], [10.0, 10.0], [20.0, 20.0]]
    solver = PlaceSolver(np.column_stack([latent, np.zeros(60)]))
    places = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    yield lambda: solver.solve(landmarks([0, 1, 2], places))
    more = landmarks([0, 1, 2, 40], np.vstack([places, [[30.0, 40.0]]]))
    yield lambda: solver.solve(more)
