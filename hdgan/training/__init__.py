"""One training run: its stages, its step, what is handed over, its samples.

May import `evaluation/`, `styles/`, `runs/`, `report/`, `datasets/`,
`networks/`, `devices/` and the ground rooms; `hdgan/train.py` is the loop.
"""
