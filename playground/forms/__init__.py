"""The Playground's forms."""
