"""Human studies: which of two pictures people prefer, and what follows.

May import `report/`, `datasets/` and the ground rooms.
"""
