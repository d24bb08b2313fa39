"""Nightly runs: refresh, build, verify and promote every recipe of a folder, and report the results."""
