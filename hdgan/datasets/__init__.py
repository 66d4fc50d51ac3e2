"""Data sets: one builder per data set, the folder checker, files and arrays."""
