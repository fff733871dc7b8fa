"""OpenAI-compatible servers with a decoding method: vLLM's own, or one on the in-process engine."""
