import napari_spatialrecon as sr

slide, cells = sr.read_adata("section1.h5ad"), sr.read_adata("cells.h5ad")
shared = [str(name) for name in slide.var_names if name in set(cells.var_names)]
result = sr.impute_genes(
    slide, cells, shared[:2], hide=shared[:2], method="knn", settings={"neighbours": 20}
)
print(result.verdict, result.genes["origin"].tolist())
if result.adata is not None:
    print(result.adata.layers["imputed_std"].shape)
result.write("genes.h5ad")
on_disk = sr.impute_genes(slide, cells, "missing", method="knn", hide=shared[:2], out="all.zarr")
print(on_disk.path)
