"""`entmin settle` with a real tiny model: plan before verdict, page at the end, nothing computed twice."""

import json

import pytest
from tests import tiny
from tests.private import open_to_others

SMALL = (
    "--pilot", "12", "--limit", "16", "--max-tokens", "12", "--threads", "1", "--quiet",
    "--rivals", "normal", "--frontier", "1", "--voting", "0",
)  # fmt: skip


def decoded(folder):
    """Tokens that all runs have decoded so far, by the record of their sessions."""
    rows = [json.loads(line) for path in folder.rglob("*/sessions.jsonl") for line in path.read_text().splitlines()]
    return sum(row.get("generated_tokens", 0) for row in rows)


@pytest.mark.slow
def test_a_question_is_planned_run_settled_and_shown(entmin_here, tiny_llama):
    done = entmin_here("settle", tiny_llama, *SMALL)
    home = entmin_here.folder / "results/tiny-llama/settle/arithmetic-em_inf"
    [plan_file] = home.glob("*/plan.json")
    plan = json.loads(plan_file.read_text())
    roles = [arm["role"] for arm in plan["arms"]]
    assert roles[0] == "method" and roles.count("matched") >= 1 and roles.count("control") == 2
    target = plan["arms"][0]["entropy"]
    assert all(abs(arm["entropy"] - target) <= 0.05 for arm in plan["arms"] if arm["role"] == "matched")
    words = ("em_inf beats", "not more than", "is worse than", "Undecided")
    assert any(word in done.stdout.replace("\n", " ") for word in words)
    assert "Controls:" in done.stdout
    assert "matched arms differ by: normal@" in done.stdout.replace("\n", " ")
    assert "nats apart" in done.stdout
    short = "this run has 16 and sees"
    assert short in done.stderr and short in done.stdout.replace("\n", " ")
    page = (plan_file.parent / "report.html").read_text()
    assert plan_file.with_name("plan.sha256").read_text().strip() in page
    assert "Accuracy against entropy" in page
    assert "equal entropy" in page or "temperatures of the plain model in this run enclose" in page

    assert not open_to_others(entmin_here.folder / "results")

    before = decoded(entmin_here.folder)
    again = entmin_here("settle", tiny_llama, *SMALL, "--json")
    verdict = json.loads(again.stdout)["verdict"]
    assert verdict["n"] == 16
    assert decoded(entmin_here.folder) == before > 0
    assert len((plan_file.parent / "sessions.jsonl").read_text().splitlines()) == 2

    larger = entmin_here("settle", tiny_llama, *SMALL, "--limit", "20", "--mde", "50")
    assert "This question was planned 2 times" in larger.stdout.replace("\n", " ")
    grown = decoded(entmin_here.folder)
    assert grown > before
    changed = json.loads(plan_file.read_text()) | {"margin": 0.9}
    plan_file.write_text(json.dumps(changed))
    refused = entmin_here("settle", tiny_llama, *SMALL, code=1)
    assert "was changed after it was written" in refused.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--methods", "normal"), "the method to settle"),
        (("--methods", "em_inf@0"), "at temperature 0"),
        (("--methods", "em_inf+self_consistency"), "strategies ask several times"),
        (("--mde", "0"), "--mde must be above 0"),
        (("--pilot", "5"), "at least 10 problems"),
        (("--pilot", "400"), "lower --pilot"),
        (("--frontier", "1,warm"), "--frontier takes temperatures"),
        (("--engine", "openai", "--base-url", "http://127.0.0.1:9/v1"), ""),
        (("--task", "arithmetic,gsm8k"), "one task at a time"),
    ],
)
def test_what_cannot_be_asked_is_one_message(entmin_here, tiny_llama, options, words):
    done = entmin_here("settle", tiny_llama, *options, "--quiet", code=None)
    assert done.returncode in (1, 2)
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not list(entmin_here.folder.rglob("plan.json"))


def test_the_record_keeps_tokens_that_join_to_the_answer(entmin_here, tmp_path):
    from inspect_ai.log import list_eval_logs, read_eval_log

    model = tiny.save(tmp_path / "sharp", sharpness=8.0)
    entmin_here("eval", model, "--limit", "4", "--max-tokens", "12", "--threads", "1", "--quiet", "--mode", "em_inf")
    [log] = list_eval_logs(str(entmin_here.folder / "results"))
    for sample in read_eval_log(log).samples:
        tokens = sample.output.metadata["tokens"]
        assert "".join(text for text, *_ in tokens) == sample.output.completion
        assert all(after <= before + 1e-6 for _, before, after, _ in tokens)
        for *_, top in tokens:
            probabilities = [p for _, p in top]
            assert len(top) == 5 and probabilities == sorted(probabilities, reverse=True)


@pytest.mark.slow
def test_compare_finds_the_temperature_of_equal_entropy_and_writes_a_page(entmin_here, tiny_llama):
    arms = "normal:match=em_inf,em_inf"
    done = entmin_here("compare", tiny_llama, "--limit", "8", "--max-tokens", "12", "--quiet", "--methods", arms)
    assert "has the entropy of em_inf" in done.stderr
    [folder] = (entmin_here.folder / "results/tiny-llama/compare").glob("*/comparison.json")
    matched, em_inf = json.loads(folder.read_text())["rows"]
    assert matched["label"].startswith("normal@") and matched["temperature"] < 1
    assert abs(matched["entropy_after"] - em_inf["entropy_after"]) < 0.3
    assert "Accuracy against entropy" in (folder.parent / "report.html").read_text()
    assert not open_to_others(entmin_here.folder / "results")


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ("normal:match=em_inf,greedy", "name one arm that is compared too"),
        ("em_inf,normal:match=em_inf@0.5", "leave it out"),
    ],
)
def test_a_match_that_cannot_be_made_is_one_message(entmin_here, tiny_llama, arms, words):
    done = entmin_here("compare", tiny_llama, "--limit", "8", "--quiet", "--methods", arms, code=2)
    assert words in done.stderr.replace("\n", " ")
