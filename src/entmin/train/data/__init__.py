"""Prompts to train on: local files, Hub data sets and named ones, in one form, decontaminated."""

from entmin.train.data.prompts import load_prompts

__all__ = ["load_prompts"]
