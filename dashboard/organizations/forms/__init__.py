"""Forms of organizations: members, invitations, settings and API keys; a module for each."""
