"""Evaluation on Inspect AI: tasks, scorers, solvers, the in-process model provider, and the runner around them."""
