"""Plain helpers without models; each module is one noun."""
