"""veRL with our plug-in, on a CPU: everything but its engines, which need CUDA. Run by `make verl-test`.

The store of samples is veRL's own TransferQueue on a Ray cluster of this machine. Only the worker group, which would
run the model, is ours here: it writes given log-probabilities and entropies into that store, as veRL's does.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("verl")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import torch
from tensordict import TensorDict
from tests import tiny

from entmin.core import rewards
from entmin.errors import EntminError, UsageError
from entmin.jsonl import read_rows
from entmin.train.config import TrainConfig
from entmin.train.folder import check_folder
from entmin.train.reading import load_config
from entmin.train.verl import launch
from entmin.train.verl.flags import arguments, flags
from entmin.train.verl.launch import compose, describe
from entmin.train.verl.rows import read_rows as prompts_of

pytestmark = [pytest.mark.verl, pytest.mark.timeout(900)]
RUNS = Path(__file__).parents[2] / "runs" / "verl"


def config(**settings):
    return TrainConfig(
        **{"method": "em-rl", "model": "smollm2-135m", "engine": "verl", "output": "/runs/a", **settings}
    )


def composed(nodes=1, gpus=1, **settings):
    return compose(arguments(flags(config(**settings), nodes, gpus)))


# ---- registration and composition ----


def test_verl_finds_the_trainer_by_the_entry_point():
    code = (
        "import verl\nfrom verl.trainer.ppo.v1 import get_trainer_cls\n"
        "print('found', get_trainer_cls('entmin_sync').__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "found entmin.hosts.verl" in done.stdout


@pytest.mark.parametrize(
    ("settings", "estimator", "entropy", "reward"),
    [
        ({"method": "em-rl"}, "rloo", 0.0, "token-entropy"),
        ({"method": "em-rl", "reward": "sequence-logprob", "reduction": "sum"}, "rloo", 0.0, "sequence-logprob"),
        ({"method": "em-rl", "advantage": "grpo", "entropy_bonus": 0.001}, "grpo", 0.001, "token-entropy"),
        ({"method": "em-ft", "kl": 0.001}, "rloo", -1.0, None),
        ({"method": "rloo"}, "rloo", 0.0, None),
        ({"method": "grpo"}, "grpo", 0.0, None),
    ],
)
def test_verl_composes_and_validates_every_method(settings, estimator, entropy, reward):
    found = composed(2, 4, **settings)
    actor = found.actor_rollout_ref.actor
    assert (found.algorithm.adv_estimator, actor.entropy_coeff) == (estimator, entropy)
    assert found.trainer.v1.entmin_sync.reward == reward
    assert (actor.use_kl_loss, actor.kl_loss_coef, actor.kl_loss_type) == (True, 0.001, "low_var_kl")
    assert (found.trainer.nnodes, found.trainer.n_gpus_per_node) == (2, 4)
    # What is left to the defaults of veRL's own files must still be what we take it to be.
    assert actor.policy_loss.loss_mode == "vanilla" and list(actor.optim.betas) == [0.9, 0.999]
    assert actor.optim.lr_scheduler_type == "constant" and actor.optim.clip_grad == 1.0
    assert found.actor_rollout_ref.ref.strategy == "fsdp2" and found.trainer.use_v1
    corrected = found.algorithm.rollout_correction
    assert (corrected.bypass_mode, corrected.rollout_is, corrected.rollout_rs) == (False, None, None)


@pytest.mark.parametrize(("name", "nodes", "gpus"), [("1-gpu", 1, 1), ("8-gpus", 1, 8), ("64-gpus", 8, 8)])
def test_the_configurations_are_composed_and_validated(name, nodes, gpus):
    given = load_config(RUNS / f"{name}.yaml", {})
    assert describe(given, nodes, gpus)[-1].startswith("validated by veRL's own composition and checks")


def test_what_verl_refuses_is_one_line():
    with pytest.raises(UsageError, match=r"veRL refuses these settings: .*no_such_thing"):
        composed(engine_options={"trainer.no_such_thing": 1})
    with pytest.raises(UsageError, match="veRL refuses these settings"):
        composed(engine_options={"actor_rollout_ref.actor.loss_agg_mode": "by-magic"})


def test_texts_survive_hydra():
    name = "a 'b', {c} = [d] $e"
    found = composed(engine_options={"trainer.project_name": name, "+x": ["1e3", "true", None, 2.5]})
    assert found.trainer.project_name == name and list(found.x) == ["1e3", "true", None, 2.5]


# ---- data ----


def test_verl_s_data_set_gives_the_prompts_as_our_trainers_tokenize_them(tmp_path):
    from verl.utils.dataset.rl_dataset import RLHFDataset

    from entmin.train.prompts import token_ids

    model = tiny.save(tmp_path / "model")
    given = {"model": str(model), "output": str(tmp_path / "run"), "data_options": {"size": 6}, "batch_size": 3}
    chosen = config(**given, micro_batch=4, max_steps=2)
    rows = prompts_of(chosen)
    rows.write(tmp_path / "run")
    settings = compose(arguments(flags(chosen, 1, 1)))
    tokenizer = tiny.tokenizer()
    found = RLHFDataset(settings.data.train_files, tokenizer, settings.data)
    assert len(found) == 6 and settings.data.train_batch_size == 3
    for place, row in enumerate(found):
        theirs = tokenizer.apply_chat_template(row["raw_prompt"], add_generation_prompt=True, return_dict=False)
        assert theirs == token_ids(rows.ordered[place]["prompt"], tokenizer, {})
        assert row["index"] == place and row["data_source"] == "entmin" and row["reward_model"]["ground_truth"] == ""


def test_verl_s_reward_manager_calls_our_function():
    from verl import DataProto
    from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
    from verl.trainer.ppo.reward import get_custom_reward_fn

    settings, tokenizer = composed(method="rloo"), tiny.tokenizer()

    async def judged(answer, gold):
        manager = NaiveRewardManager(settings, tokenizer, get_custom_reward_fn(settings))
        ids = torch.tensor([tokenizer(answer)["input_ids"]])
        mask = torch.ones(1, 3 + ids.shape[1], dtype=torch.long)
        about = {"kind": "integer", "index": 0, "id": "a"}
        extra = {"data_source": "entmin", "reward_model": {"ground_truth": gold}, "extra_info": about}
        data = DataProto(
            batch=TensorDict({"responses": ids, "attention_mask": mask}, 1),
            non_tensor_batch={name: np.array([value], dtype=object) for name, value in extra.items()},
        )
        return await manager.run_single(data)

    assert asyncio.run(judged("it is \\boxed{12}", "12"))["reward_score"] == 1.0
    assert asyncio.run(judged("it is \\boxed{13}", "12"))["reward_score"] == 0.0
    unlabelled = asyncio.run(judged("it is \\boxed{13}", ""))
    assert unlabelled["reward_score"] == 0.0 and unlabelled["reward_extra_info"]["answer"] == "13"


# ---- estimators and loss ----


def test_advantages_are_ours():
    from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage, compute_rloo_outcome_advantage

    torch.manual_seed(0)
    lengths = torch.tensor([5, 3, 1, 4, 2, 5, 5, 3])
    mask = (torch.arange(5) < lengths[:, None]).double()
    entropies, logprobs = torch.rand(8, 5).double() * 3, -torch.rand(8, 5).double()
    scores = rewards.token_scores("token-entropy", "mean", entropies, logprobs, mask)
    # veRL finds the samples of a prompt by its id, in whatever order they stand.
    prompts, order = np.array(list("abababab"), dtype=object), [0, 2, 4, 6, 1, 3, 5, 7]
    grouped = rewards.token_entropy(entropies, logprobs, mask)[order]
    for theirs, ours in (
        (compute_rloo_outcome_advantage, rewards.rloo_advantages(grouped, 4)),
        (compute_grpo_outcome_advantage, rewards.grpo_advantages(grouped, 4, eps=1e-6)),
    ):
        found, _ = theirs(token_level_rewards=scores, response_mask=mask, index=prompts)
        torch.testing.assert_close(found[order], ours[:, None] * mask[order], rtol=1e-9, atol=1e-12)


def ragged(rows):
    return torch.nested.as_nested_tensor(list(rows), layout=torch.jagged)


def loss_of(settings, logits, old, reference, advantages, lengths, prompt=2):
    """veRL's own loss of sequences with a prompt of two tokens, and the gradient of the logits."""
    from verl.utils import tensordict_utils
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.utils.losses import ppo_loss

    logs = logits.log_softmax(-1)
    chosen, entropies = logs[..., 0], -(logs.exp() * logs).sum(-1)  # every sampled token is token 0
    data = tensordict_utils.get_tensordict(
        {
            "prompts": ragged(torch.ones(prompt, dtype=torch.long) for _ in lengths),
            "responses": ragged(torch.ones(n, dtype=torch.long) for n in lengths),
            "response_mask": ragged(torch.ones(n) for n in lengths),
            "old_log_probs": ragged(row[:n] for row, n in zip(old, lengths, strict=True)),
            "ref_log_prob": ragged(row[:n] for row, n in zip(reference, lengths, strict=True)),
            "advantages": ragged(row[:n] for row, n in zip(advantages, lengths, strict=True)),
        }
    )
    for name, value in (("dp_size", 1), ("batch_num_tokens", sum(lengths)), ("global_batch_size", len(lengths))):
        tensordict_utils.assign_non_tensor(data, **{name: value})

    def whole(values):  # a model's output stands one position before the token it is about
        pieces = [
            torch.cat([v.new_zeros(prompt - 1), v[:n], v.new_zeros(1)]) for v, n in zip(values, lengths, strict=True)
        ]
        return torch.nested.nested_tensor_from_jagged(
            torch.cat(pieces), torch.tensor([0, *np.cumsum([prompt + n for n in lengths])])
        )

    actor = omega_conf_to_dataclass(settings.actor_rollout_ref.actor)
    loss, _ = ppo_loss(actor, {"log_probs": whole(chosen), "entropy": whole(entropies)}, data)
    [gradient] = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_em_ft_is_the_entropy_of_the_samples(reduction):
    from entmin.core.losses import token_entropy_loss

    torch.manual_seed(1)
    lengths = [4, 2, 3]
    logits = (torch.randn(3, 4, 11).double() * 2).requires_grad_()
    zeros, old = torch.zeros(3, 4).double(), logits.detach().log_softmax(-1)[..., 0]
    found = loss_of(composed(method="em-ft", reduction=reduction), logits, old, old, zeros, lengths)
    logs = logits.log_softmax(-1)
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    ours = token_entropy_loss(-(logs.exp() * logs).sum(-1), mask, reduction=reduction)
    torch.testing.assert_close(found[0], ours.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[1], torch.autograd.grad(ours, logits)[0], rtol=1e-12, atol=1e-12)


def test_the_loss_is_the_published_estimator_s():
    """Clipped ratios per token, k3 in the loss, the mean over all tokens; written out in float64."""
    torch.manual_seed(2)
    lengths = [4, 2, 3]
    logits = (torch.randn(3, 4, 11).double()).requires_grad_()
    old = (logits.detach() + torch.randn(3, 4, 11).double() * 0.5).log_softmax(-1)[..., 0]
    reference = torch.randn(3, 4, 11).double().log_softmax(-1)[..., 0]
    advantages = torch.tensor([[2.0], [-9.0], [0.5]]).double().expand(3, 4)
    found = loss_of(composed(kl=0.1, entropy_bonus=0.01), logits, old, reference, advantages, lengths)
    logs = logits.log_softmax(-1)
    chosen, entropies = logs[..., 0], -(logs.exp() * logs).sum(-1)
    ratio, gap = (chosen - old).exp(), reference - chosen
    gain = torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
    each = -gain + 0.1 * (gap.exp() - gap - 1) - 0.01 * entropies
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    ours = (each * mask).sum() / mask.sum()
    torch.testing.assert_close(found[0], ours.detach(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found[1], torch.autograd.grad(ours, logits)[0], rtol=1e-9, atol=1e-9)


def test_entropies_are_taken_in_float32():
    """Of bfloat16 logits, as veRL's engine has them; its other way takes their logsumexp in steps of an eighth."""
    from verl.utils.torch_functional import entropy_from_logits_with_chunking

    engine = composed().actor_rollout_ref.actor.fsdp_config
    assert engine.entropy_from_logits_with_chunking and not engine.use_torch_compile
    torch.manual_seed(3)
    logits = (torch.randn(64, 5000) * 4 + 20).bfloat16()
    logs = logits.double().log_softmax(-1)
    exact = -(logs.exp() * logs).sum(-1)
    found = entropy_from_logits_with_chunking(logits, chunk_size=engine.entropy_from_logits_chunk_size)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-4)


# ---- the trainer, on veRL's own store of samples ----


@pytest.fixture(scope="module")
def queue():
    """TransferQueue as a run starts it, with one storage unit."""
    ray = pytest.importorskip("ray")
    import transfer_queue

    ray.init(num_cpus=4, include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False)
    settings = composed()
    settings.transfer_queue.enable = True
    settings.transfer_queue.backend.SimpleStorage.num_data_storage_units = 1
    transfer_queue.init(settings.transfer_queue)
    yield transfer_queue
    transfer_queue.close()
    ray.shutdown()


class Workers:
    """Stands where veRL's worker group runs the model: writes what it would measure into the store."""

    def __init__(self, queue, entropies, logprobs):
        self.queue, self.measured, self.calls = queue, (entropies, logprobs), 0

    def compute_log_prob(self, batch):
        self.calls += 1
        data = self.queue.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=["prompts", "responses"]
        )
        found = []
        for values, fill in zip(self.measured, (9.0, -9.0), strict=True):
            rows = []
            for key, prompt, answer in zip(
                batch.keys, data["prompts"].unbind(), data["responses"].unbind(), strict=True
            ):
                inside = values.get(key, torch.full((len(answer),), fill))  # padding has something, too
                rows.append(torch.cat([torch.zeros(len(prompt) - 1), inside, torch.zeros(1)]))
            found.append(ragged(rows))
        fields = TensorDict(dict(zip(("entropy", "log_probs"), found, strict=True)), batch_size=len(batch))
        self.queue.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=fields)
        return batch


def put_samples(queue, lengths, answers):
    """Samples in the form in which veRL's agent loop leaves them: two prompts, three samples each."""
    from transfer_queue import KVBatchMeta
    from verl.utils.tensordict_utils import list_of_dict_to_tensordict

    keys, rows, tags = [], [], []
    for place, (length, answer) in enumerate(zip(lengths, answers, strict=True)):
        uid, session = "pq"[place // 3], place % 3
        keys.append(f"{uid}_{session}_0")
        rows.append(
            {
                "prompts": torch.arange(4), "responses": torch.arange(length) % 3,
                "input_ids": torch.arange(4 + length),
                "position_ids": torch.arange(4 + length), "response_mask": torch.ones(length, dtype=torch.long),
                "loss_mask": torch.ones(length, dtype=torch.long), "rm_scores": torch.zeros(length), "uid": uid,
                "session_id": session, "rollout_log_probs": torch.full((length,), -1.0),
                "num_turns": 2, "extra_fields": {"reward_extra_info": {"score": 0.0, "answer": answer}},
            }
        )  # fmt: skip
        tags.append(
            {"status": "success", "prompt_len": 4, "response_len": length, "seq_len": 4 + length, "global_steps": 1,
             "min_global_steps": 0, "max_global_steps": 0}
        )  # fmt: skip
    queue.kv_batch_put(keys=keys, partition_id="train", fields=list_of_dict_to_tensordict(rows), tags=tags)
    return KVBatchMeta(keys=keys, tags=tags, partition_id="train")


@pytest.mark.parametrize("advantage", ["published", "grpo"])
def test_a_step_is_rewarded_by_the_policy_s_own_certainty(queue, tmp_path, advantage):
    from verl.trainer.ppo.padding_utils import upsample_batch_to_divisible_size

    from entmin.hosts.verl import EntminTrainer

    torch.manual_seed(4)
    lengths, answers = [5, 3, 8, 2, 6, 4], ["1", "1", "2", "", "7", "7"]
    settings = composed(n=3, batch_size=2, advantage=advantage, output=str(tmp_path), max_tokens=8)
    with contextlib.redirect_stdout(io.StringIO()):
        trainer = EntminTrainer(settings)
    assert type(trainer.replay_buffer).__name__ == "ReplayBuffer" and trainer.trainer_mode == "entmin_sync"
    batch = put_samples(queue, lengths, answers)
    keys = list(batch.keys)
    entropies = {key: torch.rand(n) * 3 for key, n in zip(keys, lengths, strict=True)}
    logprobs = {key: -torch.rand(n) * 3 for key, n in zip(keys, lengths, strict=True)}
    trainer.actor_rollout_wg = workers = Workers(queue, entropies, logprobs)
    batch = upsample_batch_to_divisible_size(batch, 4, eos_token_id=1)  # two rows of veRL's own padding
    assert len(batch) == 8

    metrics = {}
    batch = trainer._compute_old_log_prob(batch, metrics)
    assert workers.calls == 1  # no pass of our own
    rewarded = {key: -entropies[key].mean().item() for key in keys}
    every = torch.cat(list(entropies.values()))
    assert metrics["entmin/entropy"] == pytest.approx(every.mean().item(), rel=1e-6)

    batch = trainer._compute_advantage(batch, metrics)
    data = queue.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=["rm_scores", "advantages"])
    by_key = dict(
        zip(batch.keys, zip(data["rm_scores"].unbind(), data["advantages"].unbind(), strict=True), strict=True)
    )
    for key, length in zip(keys, lengths, strict=True):
        scores = by_key[key][0]
        assert scores[:-1].tolist() == [0.0] * (length - 1)
        assert scores[-1].item() == pytest.approx(rewarded[key], rel=1e-5)
    ours = rewards.rloo_advantages if advantage == "published" else lambda r, n: rewards.grpo_advantages(r, n, eps=1e-6)
    expected = ours(torch.tensor([rewarded[key] for key in keys]), 3)
    for key, value in zip(keys, expected.tolist(), strict=True):
        assert by_key[key][1].tolist() == pytest.approx([value] * len(by_key[key][1]), rel=1e-4, abs=1e-5)
    padding = [key for key in batch.keys if key not in keys]
    assert len(padding) == 2
    for key in padding:
        assert by_key[key][0].tolist() == [0.0] and by_key[key][1].tolist() == [0.0]

    check_the_record(trainer, batch, metrics, tmp_path, lengths, answers, rewarded)
    queue.kv_clear(keys=list(batch.keys), partition_id="train")


def check_the_record(trainer, batch, metrics, folder, lengths, answers, rewarded):
    """The step's line has our curves, without padding; the file `stop` makes the next step the last."""
    trainer.resource_pool_manager = SimpleNamespace(get_n_gpus=lambda: 1)
    trainer.global_steps, trainer.total_training_steps = 1, 50
    metrics["actor/grad_norm"] = float("nan")
    trainer._compute_metrics(batch, metrics, defaultdict(float, step=2.5), global_steps=1, epoch=0)
    assert trainer.total_training_steps == 50
    (folder / "stop").touch()
    trainer._compute_metrics(batch, metrics, defaultdict(float, step=2.5), global_steps=1, epoch=0)
    assert trainer.total_training_steps == 2
    row = read_rows(folder / "verl.jsonl")[0]
    assert row["step"] == 1 and row["actor/grad_norm"] is None and row["timing_s/step"] == 2.5
    assert row["entmin/length"] == pytest.approx(sum(lengths) / 6) and row["entmin/tokens"] == sum(lengths)
    assert row["entmin/clipped"] == pytest.approx(1 / 6)
    assert row["entmin/reward"] == pytest.approx(sum(rewarded.values()) / 6, rel=1e-5)
    values = torch.tensor(list(rewarded.values())).reshape(2, 3)
    assert row["entmin/reward_std"] == pytest.approx(values.std(-1).mean().item(), rel=1e-4)
    assert row["entmin/distinct"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert row["entmin/agreement"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert 0 < row["entmin/repetition"] < 1  # of the longest one


# ---- the launch ----


def test_a_launch_goes_as_far_as_it_can_without_a_gpu(tmp_path, monkeypatch):
    """veRL's own process: settings, plug-in and Ray are as it wants them, it makes our trainer, and looks for GPUs."""
    model = tiny.save(tmp_path / "model")
    here = {"ray_kwargs.ray_init.num_cpus": 4, "transfer_queue.backend.SimpleStorage.num_data_storage_units": 1}
    chosen = config(
        model=str(model), output=str(tmp_path / "run"), engine_options=here, data_options={"size": 8}, batch_size=4,
        max_steps=2, report=(),
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"--gpus 1: this machine has 0 that torch can use"):
        launch.run(chosen, nodes=1, gpus=1, resume=False)
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(launch, "_require_gpus", lambda gpus: None)
    with pytest.raises(EntminError, match=r"veRL ended with exit code 1") as told:
        launch.run(chosen, nodes=1, gpus=1, resume=False)
    log = (tmp_path / "run" / "verl.log").read_text()
    assert "Total available GPUs 0 is less than total desired GPUs 1" in log, str(told.value)
    assert "'trainer_mode': 'entmin_sync'" in log
    left = {path.name for path in (tmp_path / "run").iterdir()} - {".lock"}
    assert left == {"decontamination.json", "prompts.parquet", "run.json", "verl.log"}
    check_folder(tmp_path / "run", chosen, resume=False)  # nothing in the way of a corrected command
