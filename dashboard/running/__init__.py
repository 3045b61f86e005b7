"""All of the project in one process: what `manage.py up` checks, starts, prints and stops."""
