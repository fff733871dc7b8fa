"""Compiled for the CPU with Numba."""

raise ImportError("not built yet")
