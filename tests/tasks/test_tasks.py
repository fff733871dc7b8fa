"""Every benchmark from its mirror folder to a scored log, with a model that always gives the same reply."""

import pytest
from inspect_ai import eval as inspect_eval

from entmin.errors import UsageError
from entmin.evals.metrics import summarize_log
from entmin.tasks.on_inspect.task import make
from entmin.tasks.registry import groups, resolve, tasks
from entmin.tasks.ugphysics import parts_of

PROCEDURAL = ("arithmetic", "number_sequence")
NAMES = [name for name, info in tasks().items() if name not in PROCEDURAL and "code" not in info.groups]

pytestmark = pytest.mark.usefixtures("toy_grader")


@pytest.fixture
def run(mock_model, tmp_path):
    def evaluate(task, replies, **options):
        logs = str(tmp_path / "logs")
        [log] = inspect_eval(task, model=mock_model(replies), log_dir=logs, display="none", **options)
        assert log.status == "success", log.error
        return log

    return evaluate


def test_the_groups_hold_what_they_name():
    found = groups()
    assert found["qwen"] == ["minerva_math", "olympiadbench"]
    assert found["math"] == ["math500", "amc", "aime", "minerva_math", "olympiadbench"]
    assert found["science"] == ["ugphysics", "gpqa_diamond", "mmlu_pro", "arc_challenge"]
    assert found["all"] == [*NAMES, *found["code"]]
    assert [info.name for info in resolve("qwen,amc,olympiadbench")] == ["minerva_math", "olympiadbench", "amc"]


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_end_to_end(name, mirror, run):
    task = make(tasks()[name], data_dir=str(mirror))
    right = task.dataset[0].target
    log = run(task, [f"So it is \\boxed{{{right}}}."] * 3, limit=2)
    assert log.eval.task.split("/")[-1] == name
    sample = log.samples[0]
    assert sample.scores["graded"].value == 1.0
    assert sample.metadata["gold"]["answers"]
    assert sample.metadata["prompt"] == "clean"
    assert log.eval.metadata["data"]["origin"] == "mirror"
    assert log.eval.metadata["prompt_sha256"] == sample.metadata["prompt_sha256"]
    summary = summarize_log(log)
    assert summary["benchmark"] == name
    assert summary["pass@1"]["n"] == len(log.samples)


def test_sample_ids_are_stable_strings(mirror):
    ids = {name: [s.id for s in make(tasks()[name], data_dir=str(mirror)).dataset] for name in NAMES}
    assert ids["amc"] == ["2022-12A-1", "2022-12B-2", "2023-12A-1"]
    assert ids["aime"] == ["2022-I-3", "2024-II-15"]
    assert ids["aime25"][0] == "2025-I-1" and ids["aime25"][-1] == "2025-II-15"
    assert all(isinstance(one, str) for found in ids.values() for one in found)


def test_breakdowns_come_with_the_log(mirror, run):
    log = run(make(tasks()["math500"], data_dir=str(mirror)), ["\\boxed{2}", "\\boxed{3}", "no idea"])
    names = {name for score in log.results.scores for name in score.metrics}
    assert {"accuracy", "stderr", "level: 1", "level: 5", "subject: Algebra"} <= names
    summary = summarize_log(log)
    assert summary["by"]["level"]["1"]["value"] == 1.0
    assert summary["by"]["level"]["5"]["n"] == 2
    assert summary["unanswered"] == {"n": 1, "share": pytest.approx(1 / 3)}


def test_the_paper_profile_puts_a_system_turn_first(mirror):
    task = make(tasks()["aime"], data_dir=str(mirror), prompt="paper")
    system, user = task.dataset[0].input
    assert (system.role, user.role, user.text) == ("system", "user", "P1")
    assert task.metadata["prompt"] == "paper"


def test_there_is_no_paper_prompt_for_multiple_choice(mirror):
    with pytest.raises(UsageError, match="prompt=clean"):
        make(tasks()["gpqa_diamond"], data_dir=str(mirror), prompt="paper")


def test_options_are_shuffled_by_seed_and_the_gold_follows(mirror):
    first = make(tasks()["gpqa_diamond"], data_dir=str(mirror), seed=1).dataset
    again = make(tasks()["gpqa_diamond"], data_dir=str(mirror), seed=1).dataset
    other = make(tasks()["gpqa_diamond"], data_dir=str(mirror), seed=2).dataset
    orders = [sample.metadata["options"] for sample in first]
    assert orders == [sample.metadata["options"] for sample in again]
    assert orders != [sample.metadata["options"] for sample in other]
    assert len({tuple(order) for order in orders}) > 1
    for sample in first:
        gold = sample.metadata["gold"]["answers"][0]
        assert f"{gold}. right" in sample.input[0].text
        assert sample.metadata["options"]["ABCD".index(gold)] == 0


def test_one_question_is_shuffled_alike_whichever_others_are_asked(mirror):
    task = make(tasks()["arc_challenge"], data_dir=str(mirror), seed=3)
    assert sorted(task.dataset[1].metadata["options"]) == [0, 1, 2]


def test_the_subset_of_the_paper_is_semiconductors_in_both_languages(mirror):
    task = make(tasks()["ugphysics"], data_dir=str(mirror), subset="paper")
    assert {sample.metadata["language"] for sample in task.dataset} == {"en", "zh"}
    assert {sample.metadata["subject"] for sample in task.dataset} == {"SemiconductorPhysics"}


def test_subjects_and_language_choose_parts():
    assert parts_of("Relativity, WaveOptics", "all", None) == [
        "Relativity/en",
        "Relativity/zh",
        "WaveOptics/en",
        "WaveOptics/zh",
    ]
    assert len(parts_of("all", "en", None)) == 13
    assert parts_of(["Solid-StatePhysics"], ["zh"], None) == ["Solid-StatePhysics/zh"]


@pytest.mark.parametrize(
    "options", [("Alchemy", "en", None), ("all", "fr", None), ("all", "en", "big"), ("Relativity", "en", "paper")]
)
def test_an_option_that_names_nothing_is_refused(options):
    with pytest.raises(UsageError, match="ugphysics"):
        parts_of(*options)
