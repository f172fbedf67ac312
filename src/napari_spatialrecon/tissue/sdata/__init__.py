"""SpatialData objects: which table, where its rows lie, and the image that they lie on."""
