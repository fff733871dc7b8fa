"""Code benchmarks: data, prompts, extraction, programs and their verdicts."""
