"""Data sets as they are downloaded, unpacked or not: a builder each.

Each lists its files as parts and knows its codings and classes; nothing is
downloaded. May import the modules of `datasets/` but for `pipeline`, which
knows them all.
"""
