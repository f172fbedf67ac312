import napari_spatialrecon as sr

slides = {name: sr.read_adata(f"{name}.h5ad") for name in ("section1", "section2")}
cells = sr.read_adata("cells.h5ad")
config = sr.config("knn", task="place", preset="quick", neighbours=7)
found = sr.preflight(slides, cells, method="knn", config=config)
print(f"{found.cells} cells, {found.genes} genes, about {found.seconds:.0f} s", *found.warnings)
result = sr.place(slides, cells, method="knn", config=config, register_to=slides["section2"])
print(result.verdict, *result.notes)
table, record = result.write("placed.h5ad")
report = sr.evaluate_place(sr.read_adata("truth.h5ad"), sr.read_adata(table))
print(report["metrics"]["spearman"])
