"""Commands on organizations, their members, invitations and API keys; a module for each."""
