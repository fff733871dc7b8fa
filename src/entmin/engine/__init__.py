"""In-process decoding of any Hugging Face causal language model: batched, seeded per request, refilled as rows finish.

- `requests`: what is asked for and what comes back.
- `aliases`, `loading`: from a name to a model in memory.
- `cache`, `sampling`, `batch`: one decoding step over many rows.
- `engine`: the queue and the thread around it.
"""
