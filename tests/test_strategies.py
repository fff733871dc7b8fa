import pytest

from entmin.errors import UsageError
from entmin.methods import EmInf, Normal
from entmin.mode import Mode
from entmin.strategies import BestOfN, SelfConsistency, SelfRefinement


@pytest.mark.parametrize(
    ("text", "method", "strategy", "name"),
    [
        ("normal", Normal(), None, "normal"),
        ("em-inf:threshold=0.1", EmInf(threshold=0.1), None, "em_inf"),
        ("self_consistency", Normal(), SelfConsistency(), "self_consistency"),
        ("self-consistency:vote=self-certainty", Normal(), SelfConsistency(4, "self_certainty"), "self_consistency"),
        ("em_inf+self_refinement", EmInf(), SelfRefinement(), "em_inf+self_refinement"),
        ("best_of_n:by=logprob+em_inf:kl_weight=0.5", EmInf(kl_weight=0.5), BestOfN(4, "logprob"), "em_inf+best_of_n"),
        ("em_inf:kl_weight=1e+2+best_of_n:n=2", EmInf(kl_weight=100), BestOfN(2), "em_inf+best_of_n"),
        ("em_inf:preset=paper_qwen + self-refinement:style=clean:n=2", EmInf.preset("paper_qwen"),
         SelfRefinement(2, "clean"), "em_inf+self_refinement"),
    ],
)  # fmt: skip
def test_a_mode_is_a_method_or_a_strategy_or_both(text, method, strategy, name):
    mode = Mode.parse(text)
    assert (mode.method, mode.strategy, mode.name) == (method, strategy, name)


def test_settings_given_apart_go_to_whoever_has_them():
    mode = Mode.parse("em_inf+self_consistency", {"n": 7, "threshold": 0.2})
    assert mode.method == EmInf(threshold=0.2)
    assert mode.strategy == SelfConsistency(7)
    assert "threshold=0.2" in mode.describe()
    assert "self_consistency(n=7, vote=majority)" in mode.describe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("self_consistency:n=0", "n must be between 1"),
        ("self_consistency:vote=loudest", "vote must be majority or logprob or self_certainty"),
        ("self_consistency:by=entropy", "no option 'by'"),
        ("self_refinement:style=terse", "style must be published or clean"),
        ("best_of_n:n=2.5", "n must be int"),
        ("self_consistency+best_of_n", "at most one method and one strategy"),
        ("em_inf+normal", "at most one method"),
        ("greedy:n=2+self_refinement", "greedy takes no settings"),
        ("self_consistancy", "did you mean 'self_consistency'"),
        ("em_inf+", "unknown method"),
    ],
)
def test_a_malformed_mode_says_what_is_wrong(text, message):
    with pytest.raises(UsageError, match=message):
        Mode.parse(text)


def test_equal_samples_are_refused_at_temperature_0_and_refinement_is_not():
    with pytest.raises(UsageError, match="same answer several times"):
        SelfConsistency().check_temperature(0)
    with pytest.raises(UsageError, match="same answer several times"):
        BestOfN().check_temperature(0)
    SelfConsistency(n=1).check_temperature(0)
    SelfRefinement().check_temperature(0)
    SelfConsistency().check_temperature(0.1)
