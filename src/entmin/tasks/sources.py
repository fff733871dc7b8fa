"""Where every data set comes from and what it must contain.

One record per data set: Hub id, configuration, split and pinned revision; the files of a mirror folder; the row count
and content hash a copy must have. Revisions are full commit hashes because the Hub accepts no short ones; ``None``
means no commit is known to us and only the row count is checked, which `Loaded.verified` states.

Hashes were computed from the mirror copies (data.py, `content_hash`). A Hub copy may write the same set differently,
so a hash is demanded only of the copy it was computed from: ``of="mirror"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Origin = Literal["hub", "mirror"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What an accepted copy holds."""

    rows: int
    sha256: str | None = None
    """None: not known, so that only the row count is checked."""
    of: Origin | None = None
    """The kind of copy this describes; None for both."""


@dataclass(frozen=True, slots=True)
class Part:
    """One table of a data set: a Hub configuration and split, or the same rows in mirror files."""

    name: str
    """Distinguishes the parts of one set, such as ``SemiconductorPhysics/en``; empty where there is only one."""
    config: str | None
    split: str
    files: tuple[tuple[str, ...], ...]
    """Alternative mirror layouts; the files of the first complete one are concatenated."""
    accepted: tuple[Contents, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One data set."""

    name: str
    hub: str
    revision: str | None
    folder: str
    """Folder of the set inside a mirror."""
    licence: str
    """As the Hub card states it; ``none stated`` where it does not."""
    parts: tuple[Part, ...]
    gated: bool = False


def _single(split: str, *accepted: Contents, config: str | None = None) -> tuple[Part, ...]:
    return (Part("", config, split, (("test.jsonl",),), accepted),)


# Rows per language of each UGPhysics subject (the configuration's name on the Hub), with the hash of the English and,
# where it was at hand, the Chinese file.
_UGPHYSICS: dict[str, tuple[int, str | None, str | None]] = {
    "AtomicPhysics": (
        915,
        "3d5f48bda814b1c9c4f81ea910ad8c16f915408d46d9ea4fb17b533b4d715ce4",
        None,
    ),
    "ClassicalElectromagnetism": (
        390,
        "903d1b3ec279941e14d7a96eadcc043b1fb4c0a1baaf0f64d0bda17b7056b68c",
        None,
    ),
    "ClassicalMechanics": (
        836,
        "426850f581e7dc28852fde1ad7ee1d6dff5cb891e7272a7f12aade0ade9ffa6e",
        None,
    ),
    "Electrodynamics": (
        184,
        "3cd02f1c502dc4a66f3de4090e046fb67280d668dde043d7d31ec6fa8bce6bab",
        None,
    ),
    "GeometricalOptics": (
        58,
        "95fc0a58bc3d541e7f566219760adf7ebb5df2f069d3881e6f32eb65e372a73b",
        None,
    ),
    "QuantumMechanics": (
        1019,
        "2b6e4083cc693283a3a0a91c70b095e9bd8cfdfaf3ada857eb7172f81158fff9",
        None,
    ),
    "Relativity": (
        207,
        "3ee3a507a7d96baacb483e7a74c0bc92d33b177b39ceafbe474f6a1e23f702b5",
        None,
    ),
    "SemiconductorPhysics": (
        186,
        "093d82d723fdc6ad16a8dcf7f865de3afc66c4b62e27c75955fbd9027fad02b4",
        "944bf41648384ed0b2e818ec2db638ab13f2a2844640626110c9dd54e7e33590",
    ),
    "Solid-StatePhysics": (
        172,
        "5a0e5d25a8ca255e73d1db658caa892572b22e88950e518f9a44b2cd704e0d55",
        None,
    ),
    "StatisticalMechanics": (
        560,
        "bd4baa8190197c225d3804a5da20a2d81f2b17087ee9944814ff525abdaf6c28",
        None,
    ),
    "TheoreticalMechanics": (
        319,
        "34db3e2ef616946d650e0abb62fa51f728578a3655698ce0919353a723d0c565",
        None,
    ),
    "Thermodynamics": (
        372,
        "bfe641451a0fc420b0721c7597fc9bb92cf93cc9fb69db1b75f3dcc1b552f23b",
        None,
    ),
    "WaveOptics": (
        302,
        "9ce5b4bcbdb44010b46aa94d40a17a928b09a6876344e3d1cf8227e93913647e",
        None,
    ),
}


def _contents(rows: int, sha256: str | None) -> tuple[Contents, ...]:
    if sha256 is None:
        return (Contents(rows),)
    return Contents(rows, sha256, of="mirror"), Contents(rows, of="hub")


def _ugphysics_parts() -> tuple[Part, ...]:
    return tuple(
        Part(f"{subject}/{language}", subject, language, ((f"{subject}/{language}.jsonl",),), _contents(rows, sha256))
        for subject, (rows, english, chinese) in _UGPHYSICS.items()
        for language, sha256 in (("en", english), ("zh", chinese))
    )


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="math500",
            hub="HuggingFaceH4/MATH-500",
            revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
            folder="math500",
            licence="none stated",
            parts=_single("test", *_contents(500, "7db76bc85a928a4ec49f84a3b29117945dbcdc962176e06e521fa192bca02a45")),
        ),
        Source(
            name="amc",
            hub="AI-MO/aimo-validation-amc",
            revision="69d78a4a2c840e82d69af6bc742bda09005f6316",
            folder="amc2022_2023",
            licence="apache-2.0",
            parts=_single("train", *_contents(83, "b2f1482f0696838f4dcc3702a80da028775d0f1d0ca1aa2abce4f7bcbbcb60b2")),
        ),
        Source(
            name="aime",
            hub="AI-MO/aimo-validation-aime",
            revision="13f9e12f613e720c2a2b2f345dd04b998a29494d",
            folder="aime2022_2024",
            licence="apache-2.0",
            parts=_single("train", *_contents(90, "79ef254ac459465b0fa17e20bb63f10ec56fc3e2333882d6208b742d97838913")),
        ),
        Source(
            name="aime24",
            hub="HuggingFaceH4/aime_2024",
            revision="2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
            folder="aime2024",
            licence="none stated",
            parts=_single("train", *_contents(30, "c77c75410758e5e1a7f2e6a0cc51a12df759fe6c199a8fdac4a02492b935f2ff")),
        ),
        Source(
            name="aime25",
            hub="math-ai/aime25",
            revision="563bb8404243c5f09de6ec262f2db674fe5bce9b",
            folder="aime2025",
            licence="none stated",
            parts=(
                # The OpenCompass copy comes as two files, one for each contest.
                Part("", None, "test", (("test.jsonl",), ("aime2025-I.jsonl", "aime2025-II.jsonl")), (Contents(30),)),
            ),
        ),
        Source(
            name="minerva_math",
            hub="math-ai/minervamath",
            revision=None,
            folder="minerva_math",
            licence="none stated",
            parts=_single("test", *_contents(272, "c50f7dc3b300f05dbaf674d9d958227b29f9309ab82690566594c90aca7f0af7")),
        ),
        Source(
            name="olympiadbench",
            hub="Hothan/OlympiadBench",
            revision=None,
            folder="olympiadbench",
            licence="apache-2.0",
            parts=_single(
                "train",
                # The Hub serves 674 rows; the file many papers use (and the mirror here) has 675.
                Contents(675, "abbfabe14123727fc586472c35f46b3f85669f6a3a3f2a50358abf9b0298d5a3", of="mirror"),
                Contents(674),
                config="OE_TO_maths_en_COMP",
            ),
        ),
        Source(
            name="gsm8k",
            hub="openai/gsm8k",
            revision="cc7b047b6e5bb11b4f1af84efc572db110a51b3c",
            folder="gsm8k",
            licence="mit",
            parts=_single(
                "test",
                *_contents(1319, "39714e5eaa2ec1104fbe1f6c1e2ef95f1d04ef7a9424d753a12450803c91e157"),
                config="main",
            ),
        ),
        Source(
            name="ugphysics",
            hub="UGPhysics/ugphysics",
            revision=None,
            folder="ugphysics",
            licence="cc-by-nc-sa-4.0",
            parts=_ugphysics_parts(),
        ),
        Source(
            name="gpqa_diamond",
            hub="Idavidrein/gpqa",
            revision="633f5ee89ab8ad4522a9f850766b73f62147ffdd",
            folder="gpqa_diamond",
            licence="cc-by-4.0, gated; its authors ask not to publish examples",
            parts=_single("train", Contents(198), config="gpqa_diamond"),
            gated=True,
        ),
        Source(
            name="mmlu_pro",
            hub="TIGER-Lab/MMLU-Pro",
            revision="527feea0afed1de15a8c115abf7be4c912123315",
            folder="mmlu_pro",
            licence="mit",
            parts=_single("test", Contents(12032)),
        ),
        Source(
            name="arc_challenge",
            hub="allenai/ai2_arc",
            revision="210d026faf9955653af8916fad021475a3f00453",
            folder="arc_challenge",
            licence="cc-by-sa-4.0",
            parts=_single("test", Contents(1172), config="ARC-Challenge"),
        ),
    )
}
UGPHYSICS_SUBJECTS: tuple[str, ...] = tuple(_UGPHYSICS)
