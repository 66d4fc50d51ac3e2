"""How large scenes may be, and what a request may hold."""

PIXELS = 2**25  # Of a scene: 8192 x 4096.
SIDE = 16384
# Of a request: runs of a scene in which every pixel differs from the one
# before would be more; the page packs what is large.
BODY = 2**27
OBJECTS = 65535  # Rows of a table; a pixel of the page has 16 bits.
EDITS = 1000  # In one request.
NAME = 200  # Characters.
SCENES = 2000  # That are listed.
TEMPLATES = 100
