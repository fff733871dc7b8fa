"""Prompts to train on."""
