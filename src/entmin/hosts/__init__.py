"""Hosts: each brings the methods into one inference library."""

VLLM_VERSIONS = ((0, 29), (0, 33))
"""Oldest and newest vLLM that `entmin.hosts.vllm` is written for; here, a launcher can ask without loading vLLM."""
