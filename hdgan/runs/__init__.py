"""The run directory W: its files, its checkpoints and their sums.

May import the ground rooms: nothing here knows a network.
"""
