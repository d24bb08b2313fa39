"""The seal operations with code of their own, one module each. Every module of this folder is searched."""
