"""Experiments on top of evaluation: paired comparison of methods, its table and its figure."""
