import napari_spatialrecon as sr

slide = sr.read_adata("section1.h5ad")
genes = [str(name) for name in slide.var_names[:5]]
result = sr.super_resolve(
    slide, "2x2", method="gaussian", genes=genes, spot_diameter=110.0, histology=sr.histology(slide)
)
if result.fd > 1e-6:
    raise SystemExit("counts were lost or invented")
print(result.verdict, result.values(genes[0]).sum())
table, record = result.write("parts.h5ad")
