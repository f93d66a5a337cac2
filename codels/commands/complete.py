"""`codels complete` and `codels try`: one caret, one answer, on the terminal."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

from codels.commands.run import ask, site_of, with_runtime
from codels.core import Answer, Site, Snapshot
from codels.lines import split_lines
from codels.settings import Settings

LINES_SHOWN = 6
"""Above and below the caret."""

HOLE_IN = Path(__file__).parent.parent / "lsp" / "documents.py"
HOLE = "        document = sel‸f._open.get(uri)"
"""What `codels try` takes out of that file: real code, which no model of ours was trained on."""


def complete(place: str, model: str, is_verbose: bool, is_json: bool) -> int:
    """Print the suggestion for FILE:LINE:COL; 1 where there is none, and why on standard error."""
    site = site_of(place)
    settings = _settings(model, n_candidates=Settings().candidates)
    answer = with_runtime(settings, lambda runtime: ask(runtime, site))
    if is_json:
        print(json.dumps(asdict(answer)))
    elif answer.completions:
        print(answer.completions[0].text)
    if is_verbose:
        print(_stages(answer), file=sys.stderr)
    if not answer.completions:
        print(f"codels: no suggestion: {answer.reason}", file=sys.stderr)
    return 0 if answer.completions else 1


def try_out() -> int:
    """Complete a hole in one of codels' own files, and show it as an editor would."""
    site = _hole()
    print(f"A hole in {HOLE_IN.name}, filled by the model on this machine:\n")
    answer = with_runtime(_settings("", n_candidates=1), lambda runtime: ask(runtime, site))
    text = answer.completions[0].text if answer.completions else ""
    print(_with_ghost(site, text))
    print(f"\n{_stages(answer)}")
    if not text:
        print(f"codels: no suggestion: {answer.reason}", file=sys.stderr)
    return 0 if text else 1


def _hole() -> Site:
    """The file with the end of a line taken out, and the caret where that was."""
    kept, gap = HOLE.split("‸")
    text = HOLE_IN.read_text("utf-8")
    at = text.index(kept + gap) + len(kept)
    line, column = text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1
    snapshot = Snapshot(HOLE_IN.as_uri(), "python", 0, tuple(split_lines(text[:at] + text[at + len(gap) :])))
    return Site(snapshot, line, column)


def _settings(model: str, n_candidates: int) -> Settings:
    settings = Settings(candidates=n_candidates, max_ms=60_000)
    return replace(settings, model=model) if model else settings


def _with_ghost(site: Site, text: str) -> str:
    """The lines around the caret, the suggestion dimmed where a terminal can, in guillemets elsewhere."""
    is_terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    on, off = ("\x1b[2;3m", "\x1b[0m") if is_terminal else ("«", "»")
    lines = site.snapshot.lines
    first, last = max(0, site.line - LINES_SHOWN), min(len(lines), site.line + LINES_SHOWN + 1)
    ghost = "\n".join(f"{on}{line}{off}" if line else "" for line in text.split("\n"))
    shown = [*lines[first : site.line], site.before + ghost + site.after + "\n", *lines[site.line + 1 : last]]
    return "".join("  │ " + line for line in "".join(shown).splitlines(keepends=True)).rstrip("\n")


def _stages(answer: Answer) -> str:
    """A line for a person: each stage's milliseconds, and how many tokens were read, reused and written."""
    stages = "  ".join(f"{stage} {ms:.1f}" for stage, ms in answer.stages.items())
    text = f"milliseconds: {stages}  = {sum(answer.stages.values()):.1f}"
    if (stats := answer.stats) is None:
        return text
    return (
        f"{text}\nof which the model: prefill {stats.prefill_ms:.1f} ({stats.n_prompt} tokens, {stats.n_reused} "
        f"reused), decode {stats.decode_ms:.1f} ({stats.n_decoded} tokens), stopped by: {stats.why_stopped}"
    )
