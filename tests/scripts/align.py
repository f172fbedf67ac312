import numpy as np

import napari_spatialrecon as sr

slide = sr.read_adata("section1.h5ad")
here = np.asarray(slide.obsm["spatial"])[[0, 20, 40, 60]]
there = here @ np.array([[0.0, 1.0], [-1.0, 0.0]]) * 2 + 30
aligned = sr.align_by_landmarks(slide, there, here, model="similarity", name="section 1")
if aligned.fit is None or aligned.fit.rmse > 1e-6:
    raise SystemExit("the landmarks do not meet")
print(aligned.transform.scale, *aligned.notes)
aligned.write("aligned.h5ad")
start = sr.align_by_outline(slide)
print(start.record.metrics)
