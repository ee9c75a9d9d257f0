"""Gives labels their vectors, behind the log."""
