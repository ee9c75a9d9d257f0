"""Relevance: whether search, duplicates and matching find what they should, on real labels."""
