"""Estimates, intervals and paired tests: pure functions on verdicts."""
