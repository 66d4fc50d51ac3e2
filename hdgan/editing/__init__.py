"""Scenes and the operations on them (paper, section 3.4), without a user.

A door, a studio or a notebook calls these; nothing here draws or writes files.
May import `rendering/` and what is below it.
"""
