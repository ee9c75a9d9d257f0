"""Flows that need more than one statement."""
