"""Organizations, the people in them with their roles, and API keys."""
