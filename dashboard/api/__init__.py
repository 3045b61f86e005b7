"""How any endpoint under /v1 behaves: keys, bodies, errors. No endpoint lives here."""
