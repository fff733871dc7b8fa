"""Loading prompts: real files in every format, and the named Hub sets from files in their exact Hub schema."""

import json

import pytest
from datasets import Dataset

from entmin.errors import EntminError, UsageError
from entmin.train.data import load_prompts


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    from datasets import config

    monkeypatch.setattr(config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ENTMIN_DATA", raising=False)


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_the_same_rows_come_out_of_every_format(tmp_path):
    rows = [{"question": f"What is {i}, really?", "answer": str(i)} for i in range(5)]
    table = Dataset.from_list(rows)
    lines(tmp_path / "a.jsonl", rows)
    table.to_parquet(tmp_path / "a.parquet")
    table.to_csv(tmp_path / "a.csv")
    read = [load_prompts(str(tmp_path / f"a.{kind}")) for kind in ("jsonl", "parquet", "csv")]
    assert [row["prompt"] for row in read[0]] == [[{"role": "user", "content": r["question"]}] for r in rows]
    assert read[0]["answer"] == [r["answer"] for r in rows]
    for other in read[1:]:
        assert other["prompt"] == read[0]["prompt"]
        assert other["answer"] == read[0]["answer"]


def test_chat_prompts_keep_their_turns_and_lose_the_reply(tmp_path):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Two and two?"},
        {"role": "assistant", "content": r"It is \boxed{4}."},
    ]
    (row,) = load_prompts(lines(tmp_path / "a.jsonl", [{"messages": turns}]))
    assert row["prompt"] == turns[:2]
    assert (row["answer"], row["solution"]) == ("4", r"It is \boxed{4}.")
    (row,) = load_prompts(lines(tmp_path / "a.jsonl", [{"messages": turns}]), system_prompt="")
    assert row["prompt"] == turns[1:2]


def test_plain_prompts_are_texts_and_chat_ones_cannot_be(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"prompt": "Once upon a time"}])
    assert load_prompts(path, chat=False)["prompt"] == ["Once upon a time"]
    with pytest.raises(UsageError, match="cannot be sent as plain text"):
        load_prompts(path, chat=False, system_prompt="Be brief.")


@pytest.mark.parametrize(
    ("row", "answer", "kind"),
    [
        ({"problem": "p", "gt": 42}, "42", "math"),
        ({"problem": "p", "answer": "so it is 3 ... #### 1,234"}, "1234", "math"),
        ({"problem": "p", "solution": r"thus \boxed{\frac{1}{2}}"}, r"\frac{1}{2}", "math"),
        ({"problem": "p", "reward_model": {"ground_truth": "[]"}, "ability": "code"}, "[]", "code"),
        ({"problem": "p", "other": 1}, None, "none"),
    ],
)
def test_answers_are_found_where_data_sets_put_them(tmp_path, row, answer, kind):
    (found,) = load_prompts(lines(tmp_path / "a.jsonl", [row]))
    assert (found["answer"], found["kind"]) == (answer, kind)


def test_prompts_without_labels_can_be_called_mathematics(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"prompt": "Prove it."}])
    assert load_prompts(path)["kind"] == ["none"]
    assert load_prompts(path, kind="math")["kind"] == ["math"]


def test_columns_can_be_mapped(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"prompt": "no", "text": "yes", "label": "7", "answer": "8"}])
    (row,) = load_prompts(path, prompt_column="text", answer_column="label")
    assert (row["prompt"][0]["content"], row["answer"]) == ("yes", "7")


def test_a_smaller_limit_is_a_prefix_and_a_seed_is_a_choice(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"prompt": f"Tell me about {i}"} for i in range(50)])
    ids = {(n, seed): load_prompts(path, limit=n, seed=seed)["id"] for n in (10, 20) for seed in (0, 1)}
    assert ids[10, 0] == ids[20, 0][:10]
    assert ids[10, 0] != ids[10, 1]
    assert ids[10, 0] != sorted(ids[10, 0], key=int)
    assert load_prompts(path)["id"] == [str(i) for i in range(50)]


def test_duplicates_are_dropped_and_counted(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"prompt": text} for text in ("a?", "b?", "a?", "a?")])
    assert len(load_prompts(path, report_to=tmp_path / "out")) == 2
    report = json.loads((tmp_path / "out/decontamination.json").read_text())
    assert (report["rows_read"], report["duplicates_dropped"], report["kept"]) == (4, 2, 2)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ('{"prompt": "a"}\n\n{"prompt": oops}\n', {}, "line 3: not JSON"),
        ('{"prompt": "a"}\n["b"]\n', {}, "line 2: a list; each line must be one JSON object"),
        ('{"x": "a", "y": 1}\n', {}, "no column looks like a prompt: .* has the columns x, y"),
        ('{"prompt": "a"}\n', {"prompt_column": "text"}, "no column 'text': .* has the columns prompt"),
        ('{"prompt": "a"}\n', {"answer_column": "gold"}, "no column 'gold'"),
        ('{"prompt": ""}\n', {}, "no prompts are left"),
        ("", {}, "is empty"),
        ('{"prompt": [{"role": "robot", "content": "a"}]}\n', {}, "row 1, column 'prompt': .*role 'robot'"),
        ('{"prompt": [1, 2]}\n', {}, "row 1, column 'prompt': expected a text or a list of messages"),
        ('{"prompt": "a"}\n', {"limit": 0}, "limit must be at least 1"),
        ('{"prompt": "a"}\n', {"prompt": "paper"}, "has no meaning for"),
        ('{"prompt": "a"}\n', {"prompt": "papre"}, "prompt must be clean or paper, not 'papre'"),
        ('{"prompt": "a"}\n', {"kind": "maths"}, "kind must be math or code or none, not 'maths'"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path, text, options, message):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_prompts(str(tmp_path / "a.jsonl"), **options)


def test_sources_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"there is no file 'nowhere\.jsonl'"):
        load_prompts("nowhere.jsonl")
    with pytest.raises(UsageError, match="unknown data 'numnia'"):
        load_prompts("numnia")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UsageError, match=r"cannot read a \.txt file; formats: \.jsonl"):
        load_prompts(str(tmp_path / "notes.txt"))


@pytest.mark.parametrize(("offline", "remedy"), [(True, "HF_HUB_OFFLINE is set"), (False, "the Hub cannot be reached")])
def test_a_data_set_that_the_hub_does_not_give(monkeypatch, offline, remedy):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)  # read at import; no test asks the Hub
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    if offline:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EntminError, match=rf"could not be loaded from the Hub: {remedy}"):
        load_prompts("nobody/nothing")


def numina(mirror, rows=40):
    """Two shards in the schema of the Hub: data_source, problem, gt."""
    for shard in (1, 2):
        folder = mirror / f"numia_prompt_dpo{shard}"
        folder.mkdir(parents=True)
        Dataset.from_list(
            [{"data_source": "numina_olympiads", "problem": f"Find {shard}/{i}.", "gt": f"{i}"} for i in range(rows)]
        ).to_parquet(folder / "train.parquet")
    return str(mirror)


def test_numina_has_a_fixed_tenth_held_out_and_a_seeded_order(tmp_path):
    mirror = numina(tmp_path)
    train = {seed: load_prompts("numina", seed=seed, data_dir=mirror)["id"] for seed in (0, 1)}
    test = load_prompts("numina", split="test", data_dir=mirror)["id"]
    assert len(test) == 8
    assert set(train[0]) == set(train[1])
    assert not set(test) & set(train[0])
    assert train[0] != train[1]
    assert len(load_prompts("numina", limit=5, data_dir=mirror)) == 5
    with pytest.raises(UsageError, match="no split 'dev'"):
        load_prompts("numina", split="dev", data_dir=mirror)


def test_numina_asks_cleanly_or_as_published(tmp_path):
    mirror = numina(tmp_path, rows=10)
    clean = {row["id"]: row for row in load_prompts("numina", data_dir=mirror)}
    paper = {row["id"]: row for row in load_prompts("numina", data_dir=mirror, prompt="paper")}
    row = clean["numia_prompt_dpo1-3"] if "numia_prompt_dpo1-3" in clean else clean["numia_prompt_dpo1-4"]
    system, user = row["prompt"]
    assert system["content"] == r"Please reason step by step, and put your final answer within \boxed{}."
    assert user["content"].startswith("Find 1/")
    assert (row["kind"], row["source"]) == ("math", "numina_olympiads")
    system, user = paper[row["id"]]["prompt"]
    assert system["content"].endswith(r"within \boxed{{}}.")
    assert user["content"].endswith(r". Let us think step by step and output the final answer within \boxed{}")


def eurus(mirror):
    folder = mirror / "Eurus-2-RL-Data"
    folder.mkdir(parents=True)
    rows = [
        {
            "data_source": "taco" if code else "numina_olympiads",
            "prompt": [
                {"content": "\nWhen tackling complex reasoning tasks ...", "role": "system"},
                {"content": f"Problem {i}. Write Python code to solve it.", "role": "user"},
            ],
            "ability": "code" if code else "math",
            "reward_model": {"ground_truth": json.dumps({"inputs": ["1\n"], "outputs": ["2\n"]}), "style": "rule"},
            "extra_info": {"index": i, "split": "dummy"},
        }
        for i, code in enumerate([True, False, True, False])
    ]
    Dataset.from_list(rows).to_parquet(folder / "train.parquet")
    return str(mirror)


def test_eurus_gives_the_code_prompts_without_the_system_turn_unless_as_published(tmp_path):
    mirror = eurus(tmp_path)
    clean = load_prompts("eurus-code", data_dir=mirror)
    assert sorted(clean["id"]) == ["Eurus-2-RL-Data-0", "Eurus-2-RL-Data-2"]
    assert set(clean["kind"]) == {"code"}
    assert [turn["role"] for row in clean for turn in row["prompt"]] == ["user", "user"]
    assert json.loads(clean[0]["answer"])["outputs"] == ["2\n"]
    paper = load_prompts("eurus-code", data_dir=mirror, prompt="paper")
    assert [turn["role"] for turn in paper[0]["prompt"]] == ["system", "user"]


def test_a_named_set_with_other_columns_says_so(tmp_path):
    mirror = numina(tmp_path)
    rows = [{"data_source": "x", "question": "q", "gt": "1"}]
    Dataset.from_list(rows).to_parquet(tmp_path / "numia_prompt_dpo2/train.parquet")
    with pytest.raises(EntminError, match="has no column problem; it has data_source, question, gt"):
        load_prompts("numina", data_dir=mirror)
