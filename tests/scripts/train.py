import numpy as np

import napari_spatialrecon as sr

slides = {"section1": sr.read_adata("section1.h5ad")}
cells = sr.read_adata("cells.h5ad")
small = sr.config("dpvae", members=1, training__steps=20, network__width=16, network__layers=1)
model = sr.train(slides, method="dpvae", config=small, seed=1)
model.save("model")
again: sr.Model = sr.load("model")
for number, query in enumerate((cells, cells[:200].copy())):
    placed: sr.PlaceResult = again.place(query)
    placed.write(f"placed{number}.h5ad")
rows = np.array([4, 90, 200, 311])
known = sr.read_adata("truth.h5ad").obsm["spatial"][rows]
print(again.impute_locations(cells, sr.Landmarks(rows, known)).verdict, again.tasks)
