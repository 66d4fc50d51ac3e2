"""Where arrays live: the mesh, and what is cut or copied over it.

May import the ground rooms.
"""
