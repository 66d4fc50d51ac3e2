"""What a run shows of itself: numbers, pictures, curves, pages.

Pages are files (HTML, CSS, JavaScript) beside the module that fills them. May
import `datasets/` and the ground rooms.
"""
