"""Styles (paper, section 3.4) as numbers and files: K-means, bank, choice.

NumPy and files, no model: who has features and pairs can use it. May import
the ground rooms.
"""
