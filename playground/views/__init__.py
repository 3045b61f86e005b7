"""The Playground's pages, and the usage of an organization."""
