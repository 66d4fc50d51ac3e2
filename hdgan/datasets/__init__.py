"""Data sets: what checks, prepares, reads and batches examples.

A builder per data set (`paired_folder`, `downloads/`, `tools/`, `streets/`),
what all of them share, and `pipeline`, which knows them all.
May import the ground rooms only: nothing here knows a network but `edges/`,
which makes a data set with one.
"""
