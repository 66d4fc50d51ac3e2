"""Where arrays live, and the processes that work as one.

May import the ground rooms.
"""
