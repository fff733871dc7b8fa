"""Rewards as TRL's own trainers take them, for those who run TRL themselves.

    from entmin.train.reward_functions import Reward, correct

    entropy = Reward("token-entropy", model, tokenizer)
    GRPOTrainer(model, reward_funcs=[entropy, Reward("majority"), correct], processing_class=tokenizer, ...)

TRL calls them with prompts, completions, completion ids and the data set's columns. `Reward` is any reward of
`entmin train em-rl`, plugins' included, by its name; no label is in it. `correct` judges by the column ``answer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import count, groupby
from typing import Any

import torch
from torch import Tensor

from entmin.errors import UsageError
from entmin.train.answers import MATH_TASK, Answers, text_of
from entmin.train.rewards import RewardSettings, reward_function
from entmin.train.trainers.intrinsic import answer_ids
from entmin.train.trainers.samples import Scores


def correct(
    completions: Sequence[Any], answer: Sequence[Any], kind: Sequence[str] | None = None, **_: Any
) -> list[float | None]:
    """1 for the right answer, 0 for a wrong one, None, which TRL leaves out, where nobody can say.

    Args:
        completions: texts, or messages.
        answer: the right answer to each; a column of the data set.
        kind: of each prompt, ``math`` (the default), ``integer`` or ``code``; a column of the data set.
    """
    texts, kinds = list(map(text_of, completions)), kind or [MATH_TASK] * len(completions)
    judged = Answers(1).verdicts(texts, [None if one is None else str(one) for one in answer], kinds)
    return [None if verdict is None else float(verdict) for verdict in judged]


class Reward:
    """A reward of `entmin train em-rl` as a reward function of TRL."""

    def __init__(
        self, name: str, model: Any = None, tokenizer: Any = None, *, temperature: float = 1.0, **settings: Any
    ) -> None:
        """Choose it.

        Args:
            name: such as ``token-entropy``, ``self-certainty`` or ``majority``.
            model: the policy, as the trainer has it; needed by rewards that measure it. It must be whole in this
                process: weights sharded by FSDP or DeepSpeed are not.
            tokenizer: of the model, with its chat template where prompts are messages.
            temperature: that the trainer samples at.
            settings: `reduction`, `rent_share`, `seed`.

        Raises:
            UsageError: there is no such reward or setting.
        """
        try:
            self._function = reward_function(RewardSettings(reward=name, **settings))
        except ValueError as error:
            raise UsageError(f"reward {name!r}: {error}") from None
        self.__name__ = name
        self._model, self._tokenizer, self._temperature = model, tokenizer, temperature
        self._streams = count()

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        kind: Sequence[str] | None = None,
        **_: Any,
    ) -> list[float]:
        """A number per completion; those of one prompt stand together, as TRL has them.

        Raises:
            UsageError: the reward measures the model, which was not given; or prompts have different numbers of
                completions here.
        """
        sizes = {len(list(group)) for _, group in groupby(prompts)}
        if len(sizes) > 1:
            raise UsageError(
                f"reward {self.__name__!r}: one prompt has {min(sizes)} completions, another {max(sizes)}; those of a "
                "prompt must come together: let a device's batch be a multiple of num_generations, and prompts differ"
            )
        with torch.no_grad():
            samples: Any = _Samples(self, prompts, completions, completion_ids, kind, sizes.pop())
            return [float(one) for one in self._function(samples)]

    def logits(self, prompt: Any, completion: Sequence[int]) -> Tensor:
        """``[T, V]`` float32 logits of a completion's tokens, divided by the temperature."""
        if self._model is None or self._tokenizer is None:
            name = self.__name__
            raise UsageError(f"reward {name!r} measures the policy: write Reward({name!r}, model, tokenizer)")
        before = self._encoded(prompt)
        ids = torch.tensor([[*before, *completion]], device=next(self._model.parameters()).device)
        training = self._model.training
        self._model.eval()
        try:
            found: Tensor = self._model(input_ids=ids, use_cache=False).logits[0, len(before) - 1 : -1]
        finally:
            self._model.train(training)
        return found.float() / self._temperature

    def _encoded(self, prompt: Any) -> list[int]:
        if isinstance(prompt, str):
            return list(self._tokenizer(prompt)["input_ids"])
        made = self._tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)
        return list(made["input_ids"])

    def streams(self, size: int) -> list[int]:
        """Numbers that no sample of this process had before."""
        return [next(self._streams) for _ in range(size)]


class _Samples:
    """What a reward looks at (`entmin.train.trainers.intrinsic.Samples`), from what TRL hands over."""

    def __init__(
        self,
        reward: Reward,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        ids: Sequence[Sequence[int]],
        kind: Sequence[str] | None,
        n: int,
    ) -> None:
        self._reward, self._prompts, self._ids, self.n = reward, prompts, ids, n
        self.lengths = list(map(len, ids))
        self.streams = reward.streams(len(ids))
        self._texts, self._kinds = list(map(text_of, completions)), kind or [MATH_TASK] * len(completions)

    @cached_property
    def answers(self) -> list[str | None]:
        return Answers(self.n).keys(self._texts, self._kinds)

    @property
    def answer_ids(self) -> Tensor:
        return answer_ids(self.answers)

    @cached_property
    def _measured(self) -> tuple[Scores, Tensor, int]:
        """Scores, and the means over the vocabulary of log p; one row's logits are held at a time."""
        empty = torch.zeros(len(self._ids), max(1, *self.lengths))
        logprobs, entropies, mask, means, vocabulary = empty, empty.clone(), empty.clone(), empty.clone(), 1
        for row, (prompt, ids) in enumerate(zip(self._prompts, self._ids, strict=True)):
            if ids:
                log_p = self._reward.logits(prompt, ids).log_softmax(-1).cpu()
                vocabulary, size = log_p.shape[-1], len(ids)
                logprobs[row, :size] = log_p.gather(-1, torch.tensor(ids)[:, None])[:, 0]
                entropies[row, :size] = torch.special.entr(log_p.exp()).sum(-1)
                means[row, :size], mask[row, :size] = log_p.mean(-1), 1
        return Scores(logprobs, entropies, mask), means, vocabulary

    @property
    def scores(self) -> Scores:
        return self._measured[0]

    @property
    def mean_logprobs(self) -> tuple[Tensor, int]:
        return self._measured[1:]
