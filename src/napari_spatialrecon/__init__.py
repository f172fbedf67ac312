"""Put back what a spatial measurement lost, and lay it over the histology."""
