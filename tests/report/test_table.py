import io
import math
from dataclasses import replace

from rich.console import Console

from entmin.evals.cost import Cost
from entmin.report.compare import ComparedArm
from entmin.report.table import render
from entmin.report.words import detail_lines, finding, verdict_lines
from entmin.stats.estimates import avg_at_k, pass_at_k
from entmin.stats.paired import paired_difference


def row(gained: int, lost: int, p: float) -> ComparedArm:
    run = {str(i): [i < gained] for i in range(40)}
    base = {str(i): [gained <= i < gained + lost] for i in range(40)}
    return ComparedArm(
        task="t", label="m", model="tiny", temperature=1, method={}, accuracy=avg_at_k(run), problems=40, samples=40,
        difference=paired_difference(run, base), p_holm=p,
        strategy=None, cost=Cost(1, 9, 1, 0.5), entropy_before=None, entropy_after=None,
        tokens_per_second=None, truncated=0, unanswered=0, not_judged=0, log="",
    )  # fmt: skip


def test_the_verdict_in_words_is_only_as_strong_as_the_evidence():
    assert "is better than the baseline" in verdict_lines([row(12, 1, 0.004)])[0]
    assert "is worse than the baseline" in verdict_lines([row(1, 12, 0.004)])[0]
    assert "no difference shown" in verdict_lines([row(4, 2, 0.7)])[0]
    assert verdict_lines([row(4, 2, math.nan)]) == []


def test_details_name_groups_pass_at_k_and_what_was_not_judged():
    runs = {"a": [True, False], "b": [False, False]}
    results = {
        "samples_per_problem": 2,
        "pass@k": {str(k): pass_at_k(runs, k).to_dict() for k in (1, 2)},
        "maj@k": {"k": 2, **avg_at_k({"a": [True], "b": [False]}).to_dict()},
        "by": {"level": {"1": avg_at_k({"a": [True]}).to_dict(), "2": avg_at_k({"b": [False]}).to_dict()}},
        "not_judged": {"n": 3},
    }
    text = "\n".join(detail_lines("t", results))
    for words in ("pass@2 50.0", "maj@2 50.0", "by level: 1 100.0", "(n=1)", "3 answers could not be judged"):
        assert words in text


def table_of(rows, width):
    console = Console(width=width, record=True, file=io.StringIO())
    for table in render(rows, "model: paired comparison"):
        console.print(table)
    return console.export_text()


def test_the_comparison_fits_eighty_columns_and_no_number_is_cut_at_sixty():
    rows = [
        replace(row(12, 1, 0.004), label="normal", difference=None),
        replace(
            row(12, 1, 0.004), label="em_inf:threshold=0.1:n_grad_steps=5", entropy_before=1.25, entropy_after=0.5,
            tokens_per_second=1234.0,
        ),
    ]  # fmt: skip
    wide = table_of(rows, 200)
    numbers = {word for line in wide.splitlines() for word in line.split() if any(c.isdigit() for c in word)}
    for width in (80, 60):
        shown = table_of(rows, width)
        assert max(map(len, shown.splitlines())) <= width
        assert "…" not in shown
        assert {word for word in numbers if "em_inf" not in word} <= set(shown.split())


def test_eval_has_a_table_of_its_own():
    text = table_of([replace(row(4, 2, math.nan), difference=None)], 80)
    assert "baseline" not in text
    assert "p (Holm)" not in text
    assert "40" in text.split()


def test_a_verdict_that_holds_alone_but_not_in_its_family_says_both_and_what_was_not_seen():
    lines = verdict_lines([row(12, 2, 0.08)])
    assert "alone p = 0.013" in lines[0]
    assert "could not have seen less than" in lines[1]
    in_doubt = verdict_lines([replace(row(4, 2, 0.7), not_judged=3, worst=(-0.2, 0.3))])
    assert any("3 of its answers were not judged" in line and "-20.0 to +30.0" in line for line in in_doubt)


def test_a_long_method_is_whole_at_sixty_columns():
    label = "em_inf:threshold=0.1:n_grad_steps=5+self_consistency:n=8@0.7"
    rows = [replace(row(12, 1, 0.004), label="normal", difference=None), replace(row(12, 1, 0.004), label=label)]
    shown = table_of(rows, 60)
    left = [line.split("  ")[0].strip() for line in shown.splitlines()]
    assert label in "".join(left).replace("─", "")
    assert all(len(line) <= 60 for line in shown.splitlines())


def test_the_finding_is_one_sentence_with_the_baseline_named():
    base = replace(row(4, 2, math.nan), label="normal", difference=None)
    assert finding([base]).startswith("tiny with normal is right in 10.0 % [")
    arms = [base, replace(row(12, 1, 0.004), label="a"), replace(row(1, 12, 0.004), label="b"), row(4, 2, 0.7)]
    said = finding(arms)
    assert said.startswith("On t, a (+27.5 [")
    assert "is better than normal; b (-27.5 [" in said
    assert "; m (+5.0 [" in said
    assert said.endswith("is not shown to differ from normal (n = 40 problems).")
