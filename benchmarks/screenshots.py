"""Pictures of the playground for docs/playground.md: a real model, two answers, a chosen step; widths and schemes.

    python benchmarks/screenshots.py [--model smollm2-135m] [--output docs/figures]

Each run checks what a person would see at a glance: the page does not scroll sideways, and the panel of the chosen step
covers no part of its answer that could have been shown. Look at the pictures all the same.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

SIZES = ((390, 844), (820, 1180), (1280, 900))
QUESTION = "Why is the sky blue? Answer in two sentences."
STEP = 9
"""The chosen token of the second answer, from 0."""
COLOURS = 128
"""Of a picture: text, greys and ten shades need no more, and the files stay small."""
OVERLAP = """() => {
  const answer = document.querySelector(".arm:nth-child(2) .caption").getBoundingClientRect();
  const panel = document.querySelector("#token").getBoundingClientRect();
  return Math.max(0, answer.bottom - panel.top);
}"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextmanager
def playground(model: str) -> Iterator[str]:
    """The address of `entmin play MODEL`, in a process of its own.

    Raises:
        RuntimeError: it ended before it served; what it said is in the message.
    """
    command = [sys.executable, "-m", "entmin", "play", model, "--no-open", "--port", "0", "--dtype", "float32"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if found := re.match(r"playground: (\S+)", line):
                yield found[1]
                return
        raise RuntimeError(said)
    finally:
        process.terminate()
        process.wait(60)


def chosen_step(tab: Any, url: str) -> None:
    """Ask, wait for both answers, and choose a step of the second."""
    tab.goto(url)
    tab.wait_for_selector(".arm")
    tab.fill("#question", QUESTION)
    tab.click("#more summary")
    tab.fill("#limit", "48")
    tab.click("#more summary")
    tab.click("#run")
    tab.wait_for_selector("#status:text-is('Done.')", timeout=300_000)
    tab.locator(".arm:nth-child(2) .answer .t").nth(STEP).click()
    tab.mouse.move(0, 0)
    tab.wait_for_timeout(400)  # the bars grow in 0.12 s


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "figures")
    args = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    faults = []
    with playground(args.model) as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for width, height in SIZES:
            for scheme in ("light", "dark"):
                tab = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                chosen_step(tab, url)
                path = args.output / f"playground-{width}-{scheme}.png"
                tab.screenshot(path=path)
                Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)
                sideways, covered = tab.evaluate(SIDEWAYS), tab.evaluate(OVERLAP)
                print(f"{path}: {path.stat().st_size // 1024} KiB, {covered:.0f} px of the answer covered")
                faults += [path.name] if sideways > 0 or covered > 0 else []
                tab.close()
        chromium.close()
    if faults:
        sys.exit(f"look at {', '.join(faults)}: it scrolls sideways, or the panel covers the answer")


if __name__ == "__main__":
    main()
