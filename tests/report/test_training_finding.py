import json

from entmin.report.training import held_out_steps, held_out_table, training_finding


def evaluated(folder, entropies):
    (folder / "evals").mkdir()
    rows = []
    for step, entropy in enumerate(entropies):
        estimate = {"value": 0.5, "low": 0.1, "high": 0.9, "n": 2}
        rows.append({"step": step, "problems": 2, "k": 1, "pass@1": estimate, "greedy": estimate, "entropy": entropy})
        rows[-1] |= {"length": 3.0, "clipped": 0.0}
        drawn = [{"id": i, "sample": 0, "correct": bool(i), "tokens": 3} for i in range(2)]
        (folder / "evals" / f"step-{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in drawn))
    (folder / "evals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "run.json").write_text(json.dumps({"method": "em-rl", "reward": "rent", "max_tokens": 8}))
    return held_out_steps({"out": folder})


def test_entropies_of_held_out_answers_are_told(tmp_path):
    found = evaluated(tmp_path, [0.5, 0.4])
    assert "moved entropy from 0.50 to 0.40 nats per token and pass@1" in training_finding("out", tmp_path, found)
    assert "0.40" in held_out_table(found).rows[1]


def test_answers_of_servers_have_no_entropy(tmp_path):
    found = evaluated(tmp_path, [None, None])
    assert "em-rl with reward rent moved pass@1 from 50.0 to" in training_finding("out", tmp_path, found)
    assert "–" in held_out_table(found).rows[1]
