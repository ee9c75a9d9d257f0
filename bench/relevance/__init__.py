"""Relevance: what is found, measured on labels that people gave."""
