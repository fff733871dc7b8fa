"""In-process decoding of any Hugging Face causal language model: batched, seeded per request, refilled as rows finish.

- `requests`: what is asked for and what comes back; `rows`: a request in progress.
- `named`: whether a model can be had, found at once.
- `aliases`, `adapters`, `checkpoint`, `loading`: from a name to a model in memory; `lean`: without all of transformers.
- `soundness`, `remembered`: how a model decodes rightly.
- `cache`, `sampling`, `batch`: one decoding step over many rows.
- `scheduler`: the loop that decides which row decodes when; training draws its samples from it directly.
- `engine`: a scheduler in a thread of its own, for evaluation and servers.
"""
