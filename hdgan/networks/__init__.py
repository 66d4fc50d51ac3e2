"""The paper's networks and losses (section 3): G1, enhancers, D1..D3, E, VGG.

Pure functions of parameters and arrays. May import `devices/` and the ground
rooms: nothing here knows data sets or a run.
"""
