"""Generations: the Playground's pages, the /v1 endpoints, and the work between submission and image."""
