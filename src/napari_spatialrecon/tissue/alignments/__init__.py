"""Alignments and regions in the files of other tools: one file per form."""
