"""The catalog's forms: what the browser sends; the services judge it."""
