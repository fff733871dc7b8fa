"""What the command line does, as functions: `evaluate`, `compare`, `settle` and `train`.

The verbs of the command line read text, call these functions and print what they return. Nothing heavy is imported
before a function is called. They work in a running event loop, as in a notebook (`entmin.loops`).
"""

import warnings

# tqdm, in libraries that we import, asks for a package of notebooks; none of its bars is shown here.
warnings.filterwarnings("ignore", message="IProgress not found")
