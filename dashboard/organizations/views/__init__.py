"""Pages of organizations and of the people in them; a module for each."""
