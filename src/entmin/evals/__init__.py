"""Evaluation on Inspect AI: runs that can be continued, the engines that answer, solvers, and the record."""
