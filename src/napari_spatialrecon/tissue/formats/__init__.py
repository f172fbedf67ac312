"""Readers of the files of platforms and tools, one file each; `registry` lists them."""
