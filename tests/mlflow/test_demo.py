"""`make demo`, as the README promises it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_story_holds() -> None:
    story = [sys.executable, ROOT / "hack" / "demo" / "story.py"]
    told = subprocess.run(story, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "All of it holds" in told.stdout
