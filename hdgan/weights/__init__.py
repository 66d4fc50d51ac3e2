"""Weights of the released code and ours: names, files, and both directions.

May import `runs/`, `networks/` and the ground rooms.
"""
