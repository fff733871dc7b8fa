"""What the command line does, as functions: `evaluate`, `compare`, `settle` and `train`.

The verbs of the command line read text, call these functions and print what they return. Nothing heavy is imported
before a function is called. In a running event loop, as in a notebook, the work is done in a thread (`waiting`).
"""
