"""Nights: every recipe of a folder refreshed, built, verified, promoted, and what became of each told."""
