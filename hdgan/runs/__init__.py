"""The run directory W: its files, its checkpoints and their sums.

May import `report/`, `datasets/` and the ground rooms: nothing here knows a
network.
"""
