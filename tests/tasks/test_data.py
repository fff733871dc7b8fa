"""Loading: what a copy must hold, and the columns of every data set."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.evals.conftest import accept as expect

from entmin.errors import EntminError, UsageError
from entmin.tasks import registry
from entmin.tasks.data import Contents, content_hash, problem_of
from entmin.tasks.records import last_box, plain_integer
from entmin.tasks.ugphysics import answer_types


def write(path: Path, records: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def load(name, data_dir=None, parts=None):
    known = registry.benchmark(name)
    return known.parts(data_dir, parts) if known.source else known.load(data_dir)


def row_of(name, record, number):
    return problem_of(name, registry.benchmark(name).problem, record, number)


def test_contest_problems_are_named_by_their_url_since_ids_restart(mirror):
    rows = load("amc", str(mirror)).problems
    assert [(row.id, row.gold, row.year, row.subject) for row in rows] == [
        ("2022-12A-1", "142", "2022", "AMC 12A"),
        ("2022-12B-2", "-4", "2022", "AMC 12B"),
        ("2023-12A-1", "27", "2023", "AMC 12A"),
    ]


def test_leading_zeros_and_years_of_aime(mirror):
    rows = load("aime", str(mirror)).problems
    assert [(row.id, row.gold, row.year) for row in rows] == [("2022-I-3", "33", "2022"), ("2024-II-15", "116", "2024")]


def test_a_degree_sign_in_aime25_is_no_part_of_the_integer(mirror):
    row = load("aime25", str(mirror)).problems[17]
    assert (row.id, row.gold) == ("2025-II-3", "336")


def test_aime25_in_the_two_files_of_its_contests(mirror):
    one = mirror / "aime2025" / "test.jsonl"
    records = [json.loads(line) for line in one.read_text().splitlines()]
    whole = load("aime25", str(mirror))
    one.unlink()
    for name, half in (("aime2025-I.jsonl", records[:15]), ("aime2025-II.jsonl", records[15:])):
        write(one.with_name(name), [{"question": r["problem"], "answer": r["answer"]} for r in half])
    assert load("aime25", str(mirror)).record["sha256"] == whole.record["sha256"]


@pytest.mark.parametrize(
    ("written", "integer"),
    [(142.0, "142"), ("142.0", "142"), (-4.0, "-4"), ("033", "33"), ("336^\\circ", "336"), ("$1{,}000$", None),
     ("1,000", "1000"), ("$468^{\\circ}$", "468"), ("1.5", None), ("x", None), (float("nan"), None)],
)  # fmt: skip
def test_integer_answers_in_every_dress(written, integer):
    if integer is None:
        with pytest.raises(EntminError, match="no integer"):
            plain_integer(written)
    else:
        assert plain_integer(written) == integer


def test_math500_of_the_hub_and_of_the_mirror_are_the_same_rows():
    hub = {
        "problem": "P",
        "solution": "S",
        "answer": "2",
        "subject": "Algebra",
        "level": 3,
        "unique_id": "test/a/1.json",
    }
    local = {"problem": "P", "solution": "S", "expected_answer": "2", "type": "Algebra", "level": "Level 3"}
    assert row_of("math500", hub, 0) == row_of("math500", local | {"id": "test/a/1.json"}, 0)


def test_minerva_answers_come_from_the_column_or_the_last_box():
    assert row_of("minerva_math", {"question": "Q", "answer": " 1.6 "}, 4).gold == "1.6"
    solution = "First $\\boxed{1}$, then \\[ \\boxed{\\frac{a}{b}} \\]"
    row = row_of("minerva_math", {"problem": "Q", "solution": solution, "type": "Optics", "idx": 7}, 0)
    assert (row.id, row.gold, row.subject) == ("7", "\\frac{a}{b}", "Optics")
    with pytest.raises(EntminError, match="box"):
        last_box("it is \\boxed{1")


def test_the_context_of_an_olympiad_problem_is_part_of_the_question(mirror):
    first, second = load("olympiadbench", str(mirror)).problems
    assert first.question == "Which $x$?"
    assert second.question == "Let $AB = 1$.\n\nHow long is it?"
    assert second.gold == {
        "final_answer": ["4.2"],
        "is_multiple_answer": False,
        "unit": "%",
        "answer_type": "Numerical",
        "error": "1e-1",
    }


def test_gsm8k_gold_stands_after_the_mark_without_commas(mirror):
    assert load("gsm8k", str(mirror)).problems[0].gold == "1400"


def test_letters_go_by_position_where_labels_are_digits(mirror):
    assert [row.gold for row in load("arc_challenge", str(mirror)).problems] == ["C", "C"]


def test_mmlu_pro_has_up_to_ten_options(mirror):
    first, second = load("mmlu_pro", str(mirror)).problems
    assert (len(first.options), first.gold, first.subject) == (10, "I", "law")
    assert (len(second.options), second.gold) == (3, "C")


def test_gpqa_texts_are_stripped(mirror):
    row = load("gpqa_diamond", str(mirror)).problems[0]
    assert (row.question, row.options[0], row.gold, row.subject) == ("Which one?", "right", "A", "Physics")


@pytest.mark.parametrize(
    ("dirty", "codes"),
    [
        ("NV", ("NV",)),
        ("NV, EX, EX", ("NV", "EX", "EX")),
        ("EX\n```", ("EX",)),
        ("\\\nMC", ("MC",)),
        ("NV\n   \nThe final answer is a numerical value in LaTeX, so it is classified as NV.", ("NV",)),
        ("EX\n  \nProblem:  \n $p$ $p V = k T \\ln E$  $\\mu$ ", ("EX",)),
        ("", ()),
    ],
)
def test_declared_types_are_read_out_of_dirty_columns(dirty, codes):
    assert answer_types(dirty) == codes


def test_a_physics_row_keeps_what_its_record_declares(mirror):
    one, two = load("ugphysics", str(mirror), ["Solid-StatePhysics/zh"]).problems
    assert one.gold["answers"] == "\\boxed{4.88 \\times 10^{23}}"
    assert (two.gold["answer_type"], two.extra["answer_types"], two.extra["multiple"]) == ("EX, EX", ["EX", "EX"], True)
    assert one.extra["language"] == "zh"


def test_the_environment_names_the_mirror_too(mirror, monkeypatch):
    monkeypatch.setenv("ENTMIN_DATA", str(mirror))
    assert load("gsm8k").record["origin"] == "mirror"


def test_a_missing_file_names_the_options(tmp_path):
    with pytest.raises(EntminError, match=r"no gsm8k/test\.jsonl.*--data-dir.*ENTMIN_DATA.*openai/gsm8k") as error:
        load("gsm8k", str(tmp_path))
    assert error.value.exit_code == 1


def test_a_missing_row_is_an_error(mirror, monkeypatch):
    expect(monkeypatch, "math500", Contents(4))
    with pytest.raises(EntminError, match=r"not the expected data set: 3 rows .* expected 4 rows"):
        load("math500", str(mirror))


def test_a_changed_answer_is_an_error_where_the_hash_is_known(mirror, monkeypatch):
    known = load("math500", str(mirror))
    assert known.record["verified"] == "count"
    expect(monkeypatch, "math500", Contents(3, known.record["sha256"], of="mirror"), Contents(3, of="hub"))
    assert load("math500", str(mirror)).record["verified"] == "hash"
    path = mirror / "math500" / "test.jsonl"
    path.write_text(path.read_text().replace('"answer": "2"', '"answer": "3"', 1))
    with pytest.raises(EntminError, match="not the expected data set"):
        load("math500", str(mirror))


def test_columns_that_nobody_reads_may_change(mirror):
    before = load("math500", str(mirror)).record["sha256"]
    path = mirror / "math500" / "test.jsonl"
    path.write_text(path.read_text().replace("It is", "Clearly it is"))
    assert load("math500", str(mirror)).record["sha256"] == before


def test_a_row_twice_is_an_error(mirror, monkeypatch):
    path = mirror / "gsm8k" / "test.jsonl"
    path.write_text(path.read_text().replace('{"question', '{"idx": 5, "question') * 2)
    expect(monkeypatch, "gsm8k", Contents(2))
    with pytest.raises(EntminError, match="more than once"):
        load("gsm8k", str(mirror))


def test_other_columns_are_an_error_that_says_which(tmp_path, monkeypatch):
    write(tmp_path / "math500" / "test.jsonl", [{"prompt": "P"}])
    with pytest.raises(EntminError, match=r"unique_id, id; it has prompt"):
        load("math500", str(tmp_path))
    write(tmp_path / "arc_challenge" / "test.jsonl", [{"id": "1", "question": "Q", "choices": {}, "answerKey": "A"}])
    with pytest.raises(EntminError, match="record 0 does not have the expected columns"):
        load("arc_challenge", str(tmp_path))


def test_a_broken_line_is_named(mirror):
    path = mirror / "gsm8k" / "test.jsonl"
    path.write_text(path.read_text() + "{oops\n")
    with pytest.raises(EntminError, match="line 2"):
        load("gsm8k", str(mirror))


def test_unknown_sets_and_parts_are_refused():
    with pytest.raises(UsageError, match="known: arithmetic, number_sequence, math500"):
        load("math5000")
    with pytest.raises(UsageError, match="Alchemy/en"):
        load("ugphysics", None, ["Alchemy/en"])


def test_the_hub_copy_is_read_by_pinned_revision(mirror, monkeypatch):
    asked = []

    def load_dataset(path, config, *, split, revision):
        asked.append((path, config, split, revision))
        return [json.loads(line) for line in (mirror / "gsm8k" / "test.jsonl").read_text().splitlines()]

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    monkeypatch.setattr("entmin.tasks.data.why_no_data_set", lambda _: "")
    data = load("gsm8k")
    assert asked == [("openai/gsm8k", "main", "test", "cc7b047b6e5bb11b4f1af84efc572db110a51b3c")]
    assert data.record["revision"] == asked[0][3]
    assert (data.record["origin"], data.record["sha256"]) == ("hub", load("gsm8k", str(mirror)).record["sha256"])


def test_datasets_itself_reads_a_copy_into_the_same_rows(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("math500", "arc_challenge", "mmlu_pro", "gpqa_diamond", "amc"):
        known = registry.benchmark(name)
        source = known.source
        folder = mirror / source.folder
        split = source.parts[0].split
        local = tmp_path / "hub" / name
        local.mkdir(parents=True)
        (local / f"{split}.jsonl").write_bytes((folder / "test.jsonl").read_bytes())
        parts = tuple(replace(part, config=None) for part in source.parts)
        moved = replace(source, hub=str(local), revision=None, parts=parts)
        monkeypatch.setitem(registry._found(), name, replace(known, source=moved))
        assert load(name).record["sha256"] == load(name, str(mirror)).record["sha256"]


def test_a_failure_of_the_hub_says_what_to_do(monkeypatch):
    def load_dataset(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    monkeypatch.setattr("entmin.tasks.data.why_no_data_set", lambda _: "")
    monkeypatch.setattr("entmin.tasks.data.why_not_reached", lambda: "")
    with pytest.raises(EntminError, match=r"no route.*at revision .*aime2024/test\.jsonl with --data-dir"):
        load("aime24")
    with pytest.raises(EntminError, match=r"accept its terms.*hf auth login"):
        load("gpqa_diamond")


def test_the_hash_depends_on_order_questions_and_answers(mirror):
    rows = load("math500", str(mirror)).problems
    assert content_hash(rows) != content_hash(rows[::-1])
    assert content_hash(rows) != content_hash([replace(rows[0], question="?"), *rows[1:]])
