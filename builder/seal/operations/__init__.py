"""The seal operations that are more than a few paths, one module each; the folder is the registry."""
