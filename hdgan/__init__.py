"""hdgan: label map in, photo out. High-resolution image synthesis in JAX.

Only the version lives here, so that `import hdgan` stays free of side effects.
"""

__version__ = "0.1.0"
