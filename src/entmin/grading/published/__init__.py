"""The verdict rules behind the published tables, to compare with them: `--grader paper`."""
