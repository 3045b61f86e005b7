"""The catalog's pages and what their scripts ask for."""
