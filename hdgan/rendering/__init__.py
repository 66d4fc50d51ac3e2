"""A trained model at work: from maps and styles to pictures.

May import `evaluation/`, `styles/`, `runs/`, `report/`, `datasets/`,
`networks/`, `devices/` and the ground rooms: never an optimizer.
"""
