"""How good pictures are: segmentation scores, distances, studies.

What measures get is maps and pictures, whoever made them. May import `styles/`,
`runs/`, `report/`, `datasets/`, `networks/`, `devices/` and the ground rooms.
"""
