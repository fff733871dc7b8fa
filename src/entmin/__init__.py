"""Entropy minimization for language-model reasoning."""

__version__ = "0.1.0"
