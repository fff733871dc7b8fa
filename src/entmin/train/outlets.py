"""The Hub, where a run can push its model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from entmin.errors import EntminError, first_line

UNPUBLISHED = [
    "checkpoint-*", "vllm-weights-*", "watch", "before-*", ".saving", "runs", "static.jsonl", "training_args.bin",
]  # fmt: skip
"""What of a run's folder stays off the Hub."""


def claim(repository: str) -> None:
    """Make the repository on the Hub, or find it.

    Raises:
        EntminError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi

    with _explained(repository, "nothing was computed; leave --push-to-hub out to train without it"):
        HfApi().create_repo(repository, exist_ok=True)


def push(folder: Path, repository: str) -> None:
    """Upload the trained model with its card, curves and evaluations.

    Raises:
        EntminError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi

    with _explained(repository, f"the trained model is whole in {folder}: `hf upload {repository} {folder}`"):
        HfApi().upload_folder(repo_id=repository, folder_path=folder, ignore_patterns=UNPUBLISHED)


@contextmanager
def _explained(repository: str, state: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # network, credentials, quota and naming errors of the Hub's client share no base class
        raise EntminError(
            f"{repository} cannot be written on the Hub ({type(error).__name__}: {first_line(error)}): check the name, "
            f"the network and `hf auth login`; {state}"
        ) from error
