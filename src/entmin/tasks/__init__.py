"""Benchmarks: one file each, found by listing this folder; benchmark.py says what such a file holds."""
