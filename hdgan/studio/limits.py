"""How large scenes may be, and what a request may hold."""

PIXELS = 2**25  # Of a scene: 8192 x 4096.
SIDE = 16384
# Of a request: runs of a scene in which every pixel differs from the one
# before would be more; the page packs what is large.
BODY = 2**27
HELD = 2**29  # Bytes of all bodies that are held at once.
UPLOAD = 300.0  # Seconds in which a body must have come.
PACKED = 2**20  # Bytes above which page and server compress what is no picture.
# Calls that are answered at once, so many in threads of their own: those
# about scenes, those about scenes of more than LARGE pixels, and all others.
SCENES, LARGE_SCENES, OTHERS = 48, 4, 16
LARGE = 2**22
OBJECTS = 65535  # Rows of a table; a pixel of the page has 16 bits.
EDITS = 1000  # In one request.
NAME = 200  # Characters.
SESSION = 64  # Characters of a page's own name.
WAITING = 1000  # Requests that wait for the device.
SEED = 2**53 - 1  # The largest integer that every page can say.
LISTED, TEMPLATES = 2000, 100  # Maps on offer, and templates behind them.
TEXT = 2**25  # Bytes of a session or a style file in a zip.
