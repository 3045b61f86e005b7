"""The commands that people and programs give: on the catalog, on uploads, on versions and on grants."""
