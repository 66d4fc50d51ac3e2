"""Weights of the released code and ours: names, files, and both directions."""
