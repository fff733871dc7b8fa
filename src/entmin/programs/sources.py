"""Where the code benchmarks come from and what they must contain; see `entmin.tasks.sources`."""

from __future__ import annotations

from entmin.tasks.sources import Contents, Part, Source


def _known(rows: int, sha256: str) -> tuple[Contents, ...]:
    return Contents(rows, sha256, of="mirror"), Contents(rows, of="hub")


CODE_SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="humaneval",
            hub="openai/openai_humaneval",
            revision="7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
            folder="humaneval",
            licence="mit",
            parts=(
                Part(
                    "", "openai_humaneval", "test", (("test.jsonl",),),
                    _known(164, "2acc671c3bb5b3151af6ec902ebf6b49e9c33cfd1d04e72bb5eb5797893eb04a"),
                ),
            ),
        ),
        Source(
            name="mbpp",
            hub="google-research-datasets/mbpp",
            revision="4bb6404fdc6cacfda99d4ac4205087b89d32030c",
            folder="mbpp",
            licence="cc-by-4.0",
            parts=(
                # The Hub's sanitised test split has 257 problems; the file of the published harness has 399 of the
                # 427 sanitised ones. Scores on the two are not comparable, and the log says which it was.
                Part(
                    "", "sanitized", "test", (("test.jsonl",),),
                    (Contents(399, "491f0713bceb46aac2b6247f466e89d4a396c0ab7eaaa48924c47b74e528ed1c", of="mirror"),
                     Contents(257, of="hub")),
                ),
            ),
        ),
        Source(
            name="leetcode",
            hub="TechxGenus/LeetCode-Contest",
            revision=None,
            folder="leetcode",
            licence="none stated; problem texts are LeetCode's",
            parts=(
                Part(
                    "", None, "train", (("test.jsonl",), ("20240121-Jul.jsonl",)),
                    _known(180, "8e1f26e1d305bd1e8ad4a5636256ad8aa54b50951b75d01f70dd63617ca60a87"),
                ),
            ),
        ),
        Source(
            name="scicode",
            hub="SciCode1/SciCode",
            revision=None,
            folder="scicode",
            licence="apache-2.0",
            parts=(
                Part("test", None, "test", (("problems_all.jsonl",), ("problems_test.jsonl",)), (Contents(65),)),
                Part("dev", None, "validation", (("problems_dev.jsonl",),), (Contents(15),)),
            ),
        ),
    )
}  # fmt: skip
