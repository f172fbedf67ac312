"""What a type checker has to find; every ignore that it does not need is an error."""

import napari_spatialrecon as sr


def wrong(model: sr.Model, result: sr.GeneResult, slide: int) -> None:
    sr.place({}, slide, methd="knn")  # type: ignore[call-arg]
    sr.train({}, settings=["members"])  # type: ignore[arg-type]
    model.plaice(slide)  # type: ignore[attr-defined]
    result.path.name  # type: ignore[union-attr]
    sr.plaice  # type: ignore[attr-defined]
