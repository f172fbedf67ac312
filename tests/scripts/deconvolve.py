import napari_spatialrecon as sr

slide, cells = sr.read_adata("section1.h5ad"), sr.read_adata("cells.h5ad")
settings = {"neighbours": 5}
result = sr.deconvolve(slide, cells, "cell_type", method="knn", settings=settings)
shares = result.proportions
print(result.verdict, shares.columns[shares.mean().argmax()])
result.write("mixtures.h5ad")
try:
    sr.deconvolve(slide, cells, "kind", method="knn")
except ValueError as error:
    print("refused:", error)
except sr.SpatialReconError:
    raise SystemExit("an InputError is a ValueError") from None
