import napari_spatialrecon as sr

slides = {name: sr.read_adata(f"{name}.h5ad") for name in ("section1", "section2")}
cells = sr.read_adata("cells.h5ad")
result = sr.train_encoder(slides, cells, settings={"training.steps": 4})
print(result.verdict)
folder, record = result.write("encoder")
encoder = sr.load(folder)
print(encoder.embed(slides, cells).obsm["X_encoder"].shape, encoder.config.flat()["training.steps"])
