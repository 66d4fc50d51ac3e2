"""Weights of the released code and ours: names, files, and both directions.

May import `runs/`, `datasets/`, `networks/` and the ground rooms.
"""
