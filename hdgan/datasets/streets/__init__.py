"""`synthetic_streets`: streets that hdgan draws itself, for demos and tests.

May import the other files of `datasets/` and the ground rooms.
"""
