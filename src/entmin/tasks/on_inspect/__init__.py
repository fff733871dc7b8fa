"""A benchmark on Inspect: the task, its scorers, and the judge of UGPhysics. The rest of `tasks` does without it."""
