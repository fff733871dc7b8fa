"""The harness's own command line with our model, on a task of its own; `make lm-eval-test` has the environment."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from entmin.errors import UsageError

pytest.importorskip("lm_eval")


@pytest.fixture
def tasks(tmp_path):
    """A task that generates, and one that scores given answers, in the harness's own files."""
    data = tmp_path / "sums.jsonl"
    data.write_text("".join(json.dumps({"question": f"{n} + 1 =", "answer": str(n + 1)}) + "\n" for n in range(4)))
    head = f'dataset_path: json\ndataset_kwargs: {{data_files: {{test: "{data}"}}}}\ntest_split: test\n'
    head += 'doc_to_text: "{{question}}"\n'
    generates = 'task: sums\noutput_type: generate_until\ndoc_to_target: "{{answer}}"\n'
    generates += 'metric_list: [{metric: exact_match}]\ngeneration_kwargs: {until: ["<eos>"], max_gen_toks: 12}\n'
    scores = 'task: given\noutput_type: multiple_choice\ndoc_to_target: 0\ndoc_to_choice: ["4", "5"]\n'
    scores += "metric_list: [{metric: acc}]\n"
    for name, text in (("sums", generates), ("given", scores)):
        (tmp_path / f"{name}.yaml").write_text(head + text)
    return tmp_path


@pytest.fixture
def run(tiny_llama, tasks):
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    import entmin.hosts.lm_eval  # noqa: F401 - which makes its model known

    manager = TaskManager(include_path=str(tasks), include_defaults=False)

    def call(mode, model="entmin", task="sums"):
        options = f"pretrained={tiny_llama},dtype=float32" + (f",mode={mode}" if model == "entmin" else "")
        done = simple_evaluate(
            model=model, model_args=options, tasks=[task], task_manager=manager, device="cpu", batch_size=4,
            log_samples=True, bootstrap_iters=0,
        )  # fmt: skip
        return [sample["resps"][0][0] for sample in done["samples"][task]]

    return call


@pytest.mark.slow
def test_the_harness_generates_by_the_mode(run):
    plain = run("", model="hf")
    assert len(plain) == 4 and run("normal") == plain
    assert run("em_inf:threshold=0") == plain, "the order of the tokens stays, so greedy answers do"
    warm = run("normal@1.5")
    assert warm != plain and run("normal@1.5") == warm
    assert run("em_inf:threshold=0:learning_rate=5:n_grad_steps=50@1.5") != warm, "the method is at work"


@pytest.mark.slow
def test_given_answers_are_scored_by_the_model_alone(run):
    with pytest.raises(UsageError, match="changes what is generated, not the log-likelihood"):
        run("em_inf", task="given")
    assert len(run("normal", task="given")) == 4


@pytest.mark.slow
def test_the_command_line_of_the_harness_knows_the_model(tiny_llama, tasks):
    done = subprocess.run(
        [sys.executable, "-m", "entmin.hosts.lm_eval", "run", "--model", "entmin", "--model_args",
         f"pretrained={tiny_llama},mode=em_inf", "--tasks", "sums", "--include_path", str(tasks), "--device", "cpu"],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "exact_match" in done.stdout
