"""Trainers on TRL: intrinsic rewards for RLOO and GRPO, and EM-FT.

    samples.py    draws completions from reproducible streams and logs what they look like
    intrinsic.py  rewards from the policy's own forward pass
    em_ft.py      entropy of fresh samples, differentiated directly

TRL's methods that begin with an underscore are hooked here and nowhere else; tests/train/test_trl_contract.py fails
when one of them moves.
"""
