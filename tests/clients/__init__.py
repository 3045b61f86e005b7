"""Clients that others made, installed from PyPI and npm and run unmodified against `manage.py up`.

Each script beside this file uses one of them as its documentation says. `BASE_URL` tells it where, and `CALLS`, a JSON
list, what to make: each entry has `api_key`, `endpoint`, `finetune_id`, and in `image` the path to write the image to.
"""
