"""Edge maps of photos, and of sketches, for edges -> photo (Fig. 2).

`python -m hdgan.datasets.edges` makes a folder of them; `methods` is the same
from Python. The paper does not say how its edges were made: here are Canny's,
HED with pix2pix's post-processing, any model in ONNX, and curves through facial
landmarks as in vid2vid by the same authors. May import `networks/` and the
modules of `datasets/` but for `pipeline`.
"""
