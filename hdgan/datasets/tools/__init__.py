"""What annotation tools export, read in place: a builder each.

Each lists its files as parts and makes maps of what the tool draws. May import
the modules of `datasets/` but for `pipeline`, which knows them all.
"""
