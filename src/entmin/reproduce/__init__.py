"""`entmin reproduce`: the paper's tables, row by row: the published number, ours, and whether they agree."""
