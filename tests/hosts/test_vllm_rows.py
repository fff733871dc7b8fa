"""The vLLM host against hand-driven runners: vLLM's own batch updates (V1) and contexts (V2), no engine."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("vllm")

from tests.vllm_settings import PROCESSOR
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdateBuilder, MoveDirectionality

from entmin.counters import counted
from entmin.errors import UsageError
from entmin.hosts.vllm import EntropyMinimizer, bases
from entmin.methods import AdaptiveTemperature, EmInf, MinP, PLess, Sls, TwoLevel

pytestmark = pytest.mark.vllm

V = 97
METHODS = [None, EmInf(), EmInf(learning_rate=1.0, n_grad_steps=5), AdaptiveTemperature()]
PLAIN = SimpleNamespace(speculative_config=None, model_config=SimpleNamespace(get_vocab_size=lambda: V))


def row_of(number):
    """The logits that request `number` would always get: some sure, some unsure, some masked."""
    generator = torch.Generator().manual_seed(number)
    row = torch.randn(V, generator=generator) * (0.5 + number % 5 * 2)
    row[: number % 7] = -torch.inf
    return row


def adjusted(number, method):
    return row_of(number) if method is None else method.adjust(row_of(number)[None])[0]


def asking(method, **others):
    return SamplingParams(extra_args=others | (method.to_args() if method else {}) or None)


def v1(config=PLAIN):
    return EntropyMinimizer(config, torch.device("cpu"), False)


class PersistentBatch:
    """Rows as vLLM's InputBatch keeps them: removals leave holes, arrivals fill them, the last rows close the rest."""

    def __init__(self):
        self.rows = []
        self.updates = BatchUpdateBuilder()

    def remove(self, row):
        self.rows[row] = None
        self.updates.removed_append(row)

    def add(self, number, method):
        row = self.updates.pop_removed()
        if row is None:
            row = len(self.rows)
            self.rows.append(None)
        self.rows[row] = (number, method)
        self.updates.added.append((row, asking(method), None, []))

    def condense(self):
        while self.rows and self.updates.has_removed():
            hole = self.updates.peek_removed()
            while self.rows and self.rows[-1] is None:
                self.rows.pop()
            last = len(self.rows) - 1
            if hole >= last:
                break
            self.updates.pop_removed()
            self.rows[hole] = self.rows.pop()
            self.updates.moved.append((last, hole, MoveDirectionality.UNIDIRECTIONAL))
        while self.rows and self.rows[-1] is None:
            self.rows.pop()

    def swap(self, a, b):
        self.rows[a], self.rows[b] = self.rows[b], self.rows[a]
        self.updates.moved.append((a, b, MoveDirectionality.SWAP))


@pytest.mark.parametrize("seed", range(6))
def test_v1_follows_every_request_through_removals_arrivals_and_moves(seed):
    chance, batch, processor, number = random.Random(seed), PersistentBatch(), v1(), 0
    for _ in range(120):
        for row in sorted(range(len(batch.rows)), key=lambda _: chance.random())[: chance.choice([0, 0, 1, 3])]:
            batch.remove(row)
        for _ in range(chance.choice([0, 0, 1, 2, 4]) if len(batch.rows) < 20 else 0):
            batch.add(number := number + 1, chance.choice(METHODS))
        batch.condense()
        for _ in range(chance.choice([0, 0, 2]) if len(batch.rows) > 1 else 0):
            batch.swap(*chance.sample(range(len(batch.rows)), 2))
        processor.update_state(batch.updates.get_and_reset(len(batch.rows)))
        if batch.rows:
            out = processor.apply(torch.stack([row_of(n) for n, _ in batch.rows]))
            assert torch.equal(out, torch.stack([adjusted(n, m) for n, m in batch.rows]))
    assert number > 50


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_methods_of_the_later_stage_are_run_at_the_requests_own_temperature(temperature):
    methods = [MinP(0.2), PLess(), TwoLevel(), None]
    processor, updates = v1(), BatchUpdateBuilder()
    for row, method in enumerate(methods):
        asked = SamplingParams(temperature=temperature, extra_args=method.to_args() if method else None)
        updates.added.append((row, asked, None, []))
    processor.update_state(updates.get_and_reset(4))
    out = processor.apply(torch.stack([row_of(n) for n in range(4)])) / temperature
    for row, method in enumerate(methods):
        raw = row_of(row)[None]
        later = method is not None and method.stage == "after"
        expected = method.adjust(raw / temperature) if later else (method.adjust(raw) if method else raw) / temperature
        torch.testing.assert_close(out[row : row + 1], expected)


def test_v1_leaves_a_batch_that_asks_for_nothing_to_itself():
    processor, batch = v1(), PersistentBatch()
    for number in range(4):
        batch.add(number, None)
    processor.update_state(batch.updates.get_and_reset(4))
    logits = torch.randn(4, V)
    same = logits.clone()
    assert processor.apply(logits) is logits
    assert torch.equal(logits, same)


def test_v1_keeps_its_index_tensors_while_the_batch_keeps_its_methods():
    processor, batch = v1(), PersistentBatch()
    for number, method in enumerate(METHODS):
        batch.add(number, method)
    processor.update_state(batch.updates.get_and_reset(4))
    before = [index for _, index in processor._plan]
    batch.remove(1)
    batch.add(9, METHODS[1])  # another request with the same method, in the same row
    processor.update_state(batch.updates.get_and_reset(4))
    processor.update_state(None)
    assert all(a is b for a, b in zip(before, (index for _, index in processor._plan), strict=True))


def test_v1_refuses_rows_it_cannot_place_and_speculative_decoding():
    processor, batch = v1(), PersistentBatch()
    batch.add(0, None), batch.add(1, EmInf())
    processor.update_state(batch.updates.get_and_reset(2))
    with pytest.raises(RuntimeError, match="6 rows of logits for 2 requests"):
        processor.apply(torch.zeros(6, V))
    with pytest.raises(UsageError, match="speculative decoding"):
        v1(SimpleNamespace(speculative_config=object()))


def test_the_servers_default_serves_requests_that_name_no_method(monkeypatch):
    monkeypatch.setenv("ENTMIN_DEFAULT_METHOD", "em_inf:threshold=0.1")
    processor, batch = v1(), PersistentBatch()
    for row, extra in enumerate(
        [None, {"entmin_method": "normal"}, {"entmin_learning_rate": 1.0}, {"session_id": "a"}]
    ):
        batch.updates.added.append((row, SamplingParams(extra_args=extra), None, []))
    processor.update_state(batch.updates.get_and_reset(4))
    base, faster = EmInf(threshold=0.1), EmInf(threshold=0.1, learning_rate=1.0)
    out = processor.apply(torch.stack([row_of(n) for n in range(4)]))
    wanted = [adjusted(n, m) for n, m in enumerate([base, None, faster, base])]
    assert torch.equal(out, torch.stack(wanted))


def test_a_malformed_default_stops_the_engine_from_starting(monkeypatch):
    monkeypatch.setenv("ENTMIN_DEFAULT_METHOD", "em_inf:treshold=1")
    with pytest.raises(UsageError, match=r"ENTMIN_DEFAULT_METHOD: em_inf has no option 'treshold' \(did you mean"):
        v1()


def test_wrong_requests_are_refused_with_the_right_names():
    EntropyMinimizer.validate_params(SamplingParams(extra_args={"session_id": "a"}))
    EntropyMinimizer.validate_params(asking(EmInf()))
    with pytest.raises(ValueError, match="did you mean 'em_inf'"):
        EntropyMinimizer.validate_params(SamplingParams(extra_args={"entmin_method": "em_inff"}))
    with pytest.raises(ValueError, match="threshold must be between"):
        EntropyMinimizer.validate_params(SamplingParams(extra_args={"entmin_method": "em_inf", "entmin_threshold": 99}))


def test_a_request_may_name_its_whole_mode_where_its_fields_say_the_same():
    processor, batch = v1(), PersistentBatch()
    asked = SamplingParams(temperature=0.7, top_k=5, seed=3, extra_args={"entmin_mode": "em_inf:top_k=5:seed=3@0.7"})
    EntropyMinimizer.validate_params(asked)
    batch.updates.added.append((0, asked, None, []))
    processor.update_state(batch.updates.get_and_reset(1))
    assert torch.equal(processor.apply(row_of(0)[None]), adjusted(0, EmInf())[None])
    EntropyMinimizer.validate_params(SamplingParams(temperature=0, extra_args={"entmin_mode": "greedy"}))
    for text, words in (
        ("em_inf@0.5", "temperature is 0.5 in entmin_mode, and 1.0 in the request's own field"),
        ("em_inf:seed=3", "seed is 3 in entmin_mode, and None"),
        ("self_consistency", "a server answers single calls"),
        ("em_inf:n_grad_steps=500", "n_grad_steps must be at most 200 in a request"),
        ("adaptive_temp:max_iter=5000", "max_iter must be at most 200 in a request"),
    ):
        with pytest.raises(ValueError, match=words):
            EntropyMinimizer.validate_params(SamplingParams(extra_args={"entmin_mode": text}))


@pytest.mark.parametrize("text", ["em_inf@0.7", "greedy", "normal:seed=1", "em_inf+self_consistency"])
def test_a_default_whose_sampling_or_strategy_would_be_lost_stops_the_engine_from_starting(monkeypatch, text):
    monkeypatch.setenv("ENTMIN_DEFAULT_METHOD", text)
    with pytest.raises(UsageError, match="inside vLLM this is a method and nothing else"):
        v1()


def test_a_method_with_memory_is_refused_in_words(monkeypatch):
    with pytest.raises(ValueError, match=r"sls remembers every step of a request.*--engine transformers"):
        EntropyMinimizer.validate_params(asking(Sls()))
    monkeypatch.setenv("ENTMIN_DEFAULT_METHOD", "sls:rank=3")
    with pytest.raises(UsageError, match="sls remembers every step of a request"):
        v1()


@pytest.mark.parametrize(("version", "v2"), [((0, 29, 0), False), ((0, 30, 1), False), ((0, 33, 0), True)])
def test_interfaces_by_version(version, v2):
    if v2:
        pytest.importorskip("vllm.v1.worker.gpu.sample.logits_processor")
    assert len(bases(version)) == (2 if v2 else 1)


@pytest.mark.parametrize("version", [(0, 28, 1), (0, 34, 0), (1, 0, 0), (0, 0, "dev")])
def test_other_versions_are_refused(version):
    with pytest.raises(UsageError, match=r"entmin works with vLLM 0\.29 to 0\.33, and this is"):
        bases(version)


def v2(slots=16):
    """Built by vLLM's own V2 loader; the request states are a stand-in, since the real ones need a GPU."""
    loader = pytest.importorskip("vllm.v1.worker.gpu.sample.logits_processor")
    states = SimpleNamespace(device=torch.device("cpu"), max_num_reqs=slots, vocab_size=V)
    states.all_token_ids = states.prompt_len = states.prefill_len = states.total_len = None
    (processor,) = loader.build_custom_logits_processors(PLAIN, states, False, [PROCESSOR])
    return processor


def context(slots, rows_each):
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext

    expanded = torch.tensor(slots).repeat_interleave(torch.tensor(rows_each)).int()
    nothing = torch.zeros(len(expanded), dtype=torch.long)
    numbers = np.array(slots, dtype=np.intp)
    return LogitsContext(expanded, torch.tensor(slots), numbers, nothing, nothing, nothing, numbers)


@pytest.mark.parametrize("drafts", [0, 4])
def test_v2_follows_slots_that_are_reused_and_rows_that_are_reordered(drafts):
    chance, processor, live = random.Random(drafts), v2(), {}
    for step in range(120):
        for slot in chance.sample(range(16), 2):
            if slot in live and chance.random() < 0.5:
                del live[slot]  # V2 says nothing when a request leaves; its slot is overwritten when it is taken again
            elif slot not in live:
                live[slot] = (step, chance.choice(METHODS))
                assert processor.add_request(slot, asking(live[slot][1])) == (live[slot][1] is not None)
        processor.apply_staged_writes()
        slots = chance.sample(sorted(live), len(live) - len(live) // 4)
        if not slots:
            continue
        counts = [1 + (chance.randrange(drafts + 1) if drafts else 0) for _ in slots]
        numbers = [(live[s][0] * 31 + k, live[s][1]) for s, n in zip(slots, counts, strict=True) for k in range(n)]
        out = processor.apply(torch.stack([row_of(n) for n, _ in numbers]), context(slots, counts))
        assert torch.equal(out, torch.stack([adjusted(n, m) for n, m in numbers]))


@pytest.mark.parametrize("methods", [[EmInf(), None, AdaptiveTemperature()], [EmInf()] * 3], ids=["mixed", "one"])
def test_v2_counts_rows_and_not_requests_where_requests_have_drafts(methods, monkeypatch, tmp_path):
    monkeypatch.setenv("ENTMIN_COUNTERS", str(tmp_path))
    processor = v2()
    for slot, method in enumerate(methods):
        processor.add_request(slot, asking(method))
    rows = 0
    for counts in ([3, 2, 4], [1, 1, 1], [1, 5, 1]):
        logits = torch.stack([row_of(n) for n in range(sum(counts))])
        processor.apply(logits, context([0, 1, 2], counts))
        rows += sum(n for n, method in zip(counts, methods, strict=True) if method)
        assert counted(tmp_path).rows == rows
    assert counted(tmp_path).batches == 3
    assert counted(tmp_path).seconds > counted(tmp_path).planning > 0


def test_v1_counts_the_rows_that_methods_adjust_and_the_time_of_following_them(monkeypatch, tmp_path):
    monkeypatch.setenv("ENTMIN_COUNTERS", str(tmp_path))
    processor, batch = v1(), PersistentBatch()
    for number, method in enumerate(METHODS):
        batch.add(number, method)
    processor.update_state(batch.updates.get_and_reset(4))
    for _ in range(2):
        processor.apply(torch.stack([row_of(n) for n in range(4)]))
    found = counted(tmp_path)
    assert (found.rows, found.batches) == (6, 2)
    assert found.seconds > 0 and found.planning > 0


def test_v2_leaves_a_batch_that_asks_for_nothing_to_itself():
    processor = v2()
    assert processor.add_request(3, asking(EmInf()))
    assert not processor.add_request(3, asking(None))
    logits = torch.randn(5, V)
    assert processor.apply(logits, context([3, 1], [2, 3])) is logits


def test_v2_gives_the_same_methods_in_other_slots_their_own_rows():
    """Slots change while the list of methods by request does not: what is cached must not outlive the batch."""
    processor = v2()
    for slot, method in ((0, EmInf()), (1, None), (2, None), (3, EmInf())):
        processor.add_request(slot, asking(method))
    for slots in ([0, 1], [3, 2]):
        out = processor.apply(torch.stack([row_of(n) for n in (0, 1, 2)]), context(slots, [2, 1]))
        assert torch.equal(out, torch.stack([adjusted(0, EmInf()), adjusted(1, EmInf()), row_of(2)]))


def test_v2_admission_answers_with_the_right_names():
    loader = pytest.importorskip("vllm.v1.worker.gpu.sample.logits_processor")
    validate = loader.build_custom_logits_processors_params_validator([PROCESSOR])
    from vllm.exceptions import VLLMValidationError

    validate(asking(EmInf()))
    with pytest.raises(VLLMValidationError, match="did you mean 'threshold'"):
        validate(SamplingParams(extra_args={"entmin_method": "em_inf", "entmin_treshold": 1}))
