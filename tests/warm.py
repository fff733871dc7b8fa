"""What the runs of these tests share: the imports, made once in a process from which each run is forked."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import acp
import fastapi
import inspect_ai
import matplotlib.pyplot
import reasoning_gym
import scipy.stats
import torch
import trl
import uvicorn
import uvicorn.protocols.http.auto
from inspect_ai.model._providers import openai_compatible
from inspect_ai.solver import _transcript
from transformers import AutoModelForCausalLM, LlamaForCausalLM, PreTrainedTokenizerFast

import entmin.cli.compare
import entmin.cli.evaluate
import entmin.cli.grade
import entmin.cli.serve
import entmin.cli.settle
import entmin.evals.provider
import entmin.evals.run
import entmin.evals.server_api
import entmin.evals.servers
import entmin.report.compare
import entmin.report.diversity
import entmin.report.figure
import entmin.report.page.comparison
import entmin.report.table
import entmin.serve.local
import entmin.settle.page
import entmin.settle.settling
import entmin.train.session
import entmin.train.trainers.em_ft
import entmin.train.trainers.intrinsic
import entmin.train.trainers.samples
from entmin.plugins import load_plugins

__all__ = [
    "AutoModelForCausalLM", "LlamaForCausalLM", "PreTrainedTokenizerFast", "_transcript", "acp", "entmin", "fastapi",
    "inspect_ai", "matplotlib", "openai_compatible", "reasoning_gym", "scipy", "trl", "uvicorn",
]  # fmt: skip

torch.set_num_threads(1)
# `cli.train` and `evals.inspect_registry` list plugins when they are imported, and a run may have some of its own.
assert not load_plugins.cache_info().currsize
