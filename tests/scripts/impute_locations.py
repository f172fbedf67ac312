import numpy as np

import napari_spatialrecon as sr

cells = sr.read_adata("cells.h5ad")
truth = sr.read_adata("truth.h5ad").obsm["spatial"]
rows = np.array([4, 90, 200, 311])
landmarks = sr.Landmarks(rows, truth[rows])
slides = {"section1": sr.read_adata("section1.h5ad")}
small = {"members": 1, "training.steps": 20, "network": {"width": 16, "layers": 1}}
result = sr.impute_locations(cells, landmarks, references=slides, settings=small, seed=1)
moved = sr.move_by_landmarks(result.adata, landmarks)
for made, name in ((result, "known.h5ad"), (moved, "moved.h5ad")):
    made.write(name)
