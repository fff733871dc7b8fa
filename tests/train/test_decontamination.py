import json
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entmin.errors import EntminError
from entmin.tasks.data import at_hand
from entmin.tasks.registry import benchmark
from entmin.train.data import load_prompts
from entmin.train.data.evalsets import evaluation_problems
from entmin.train.data.overlap import Overlap, squeezed, words
from tests.train.test_prompts import lines

MIRROR = os.environ.get("ENTMIN_DATA")
real_data = pytest.mark.skipif(MIRROR is None, reason="ENTMIN_DATA names no mirror of the real data sets")
PROBLEM = "Tom has 3 apples, and Ann gives him twice as many as he has; how many apples are there now?"


def test_words_and_whole_texts_are_normalised_as_documented():
    assert words("The ﬁrst_Word: $x^{2}$, 面积3") == ["the", "first", "word", "x", "2", "面", "积", "3"]
    assert squeezed("What is 12 *\n7?") == "whatis12*7?"


@pytest.mark.parametrize(
    ("prompt", "shared"),
    [
        (PROBLEM, True),
        (f"Think. {PROBLEM.upper().replace(',', '')} Answer in a box.", True),
        (" ".join(PROBLEM.split()[:12]) + " bananas", False),
        (" ".join(PROBLEM.split()[:13]), True),
        ("Ann gives Tom apples.", False),
    ],
)
def test_thirteen_words_in_a_row_are_an_overlap(prompt, shared):
    matches = Overlap({"gsm8k": [("1", PROBLEM)]}).matches(prompt)
    assert bool(matches) is shared
    if shared:
        assert matches[0].problem == "1"


def test_short_problems_overlap_only_as_a_whole_and_their_operators_count():
    overlap = Overlap({"arithmetic": [("a", "Calculate 12 * 7.")]})
    assert overlap.matches("calculate  12*7.")[0].words is None
    assert not overlap.matches("Calculate 12 + 7.")
    assert not overlap.matches("Calculate 12 * 7. Then add one.")


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.data(), st.integers(1, 6))
def test_a_match_is_exactly_a_common_run_of_n_words(problem, data, n):
    prompt = data.draw(st.lists(st.sampled_from("abcdefgh"), max_size=30))
    common = {tuple(problem[i : i + n]) for i in range(len(problem) - n + 1)} & {
        tuple(prompt[i : i + n]) for i in range(len(prompt) - n + 1)
    }
    (match,) = Overlap({"set": [("1", " ".join(problem))]}, n).matches(" ".join(prompt)) or (None,)
    assert (match is not None) == bool(common or problem == prompt)
    if match and match.words:
        assert tuple(match.words.split()) in common


def mirror_of(folder):
    (folder / "gsm8k").mkdir(parents=True)
    lines(folder / "gsm8k/test.jsonl", [{"question": PROBLEM, "answer": "#### 9"}])
    return str(folder)


def test_a_set_that_is_not_what_it_should_be_is_reported_not_used(tmp_path):
    found = evaluation_problems(("at-hand",), mirror_of(tmp_path))
    assert "not the expected data set" in found.missing["gsm8k"]
    assert found.missing["math500"] == "not in the mirror folder"
    assert len(found.problems["arithmetic"]) == 500
    with pytest.raises(EntminError, match="gsm8k"):
        evaluation_problems(("gsm8k",), mirror_of(tmp_path / "again"))


def test_the_held_out_arithmetic_is_kept_out_of_training_data(tmp_path):
    from tests.tasks.examples import make_problems

    held_out = [question for question, _ in make_problems("basic_arithmetic", 20, 0, 2, 2)]
    path = lines(tmp_path / "a.jsonl", [{"prompt": text} for text in [*held_out, "Calculate 1 + 1 + 1 + 1 + 1."]])
    assert len(load_prompts(path, report_to=tmp_path)) == 1
    report = json.loads((tmp_path / "decontamination.json").read_text())
    assert report["sets"]["arithmetic"]["dropped"] == report["contaminated_dropped"] == len(set(held_out))
    assert report["sets"]["arithmetic"]["examples"][0]["text"] in held_out
    assert len(load_prompts(path, decontaminate=())) == len(set(held_out)) + 1


@real_data
def test_real_evaluation_sets_are_found_in_training_data_and_fast(tmp_path):
    names = ("aime", "gsm8k", "math500", "ugphysics", "leetcode")
    known = evaluation_problems(("at-hand",), MIRROR)
    leaked = [known.problems[name][number][1] for name in names for number in range(0, 90, 9)]
    filler = [f"A {i} made-up question about number {j}, of {i * j} words" for i in range(100) for j in range(250)]
    path = lines(tmp_path / "a.jsonl", [{"problem": text} for text in [*filler, *(f"Solve: {t}" for t in leaked)]])
    start = time.perf_counter()
    kept = load_prompts(path, decontaminate=names, data_dir=MIRROR, report_to=tmp_path)
    assert time.perf_counter() - start < 60
    report = json.loads((tmp_path / "decontamination.json").read_text())
    # A problem of fewer than 13 words inside a longer prompt is not found.
    short = sum(len(words(text)) < 13 for text in leaked)
    assert len(kept) == len(filler) + short
    assert all(report["sets"][name]["dropped"] > 0 for name in names)


def test_the_local_cache_counts_as_at_hand(tmp_path, monkeypatch):
    """In the folders that `datasets` makes: the owner as written, the name in snake case."""
    monkeypatch.delenv("ENTMIN_DATA", raising=False)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    source = benchmark("olympiadbench").source
    assert not at_hand(source, source.parts[0], None)
    (tmp_path / "Hothan___olympiad_bench").mkdir()
    assert at_hand(source, source.parts[0], None)
