"""Applying the migrations and installing the functions: yoyo, and what yoyo lacks."""
