"""Benchmarks: what is promised of speed, measured on the machine at hand."""
