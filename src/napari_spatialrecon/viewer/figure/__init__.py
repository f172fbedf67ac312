"""Figures for a page: panels of layers with scale bar, legend and captions, as PNG, SVG or PDF."""
