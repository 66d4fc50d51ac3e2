"""A trained model at work: from maps and styles to pictures.

May import `styles/`, `runs/`, `report/`, `datasets/`, `networks/`, `devices/`
and the ground rooms: never an optimizer.
"""
