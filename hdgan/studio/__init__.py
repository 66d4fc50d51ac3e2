"""The studio: the protocol, the server and the page on which scenes are edited.

May import `editing/`, `rendering/` and what is below them; Starlette, uvicorn
and anywidget are of the extras `studio` and `notebook`.
"""
