"""Text shards from a cleaned corpus: drops what the evaluation sets or our tests hold, counts it, writes shards.

Reads `*.jsonl.xz` (JSON lines: `p` package, `f` file, `t` text) and writes `NAME.utf8`, all texts one after
another, `NAME.files.json`, their packages, paths and lengths, and `NAME.report.json`, the counts. A shard that was
done already, from the same source and with the same texts held out, is skipped, so an interrupted run goes on.

    python prepare.py --packages packages.tsv --evaluation DIR --out DATA      # fetches and cleans a corpus first
    python prepare.py --from CORPUS --evaluation DIR --out DATA                # takes one that is there
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

import sources
from collect import MANIFEST, collect
from contamination import Fingerprints, fingerprints
from evaluation import evaluation_texts, sources_of_tests
from notice import NOTICE, write_notice

TESTS = Path(__file__).parents[2] / "tests"

N_DROPPED_NAMED = 2000
"""At most so many dropped files are named in the report; all are counted."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the corpus."""

    package: str
    path: str
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--packages", type=Path, help="pinned list; its corpus is made in OUT/corpus")
    given.add_argument("--from", dest="source", type=Path, help="folder of *.jsonl.xz shards that are there already")
    parser.add_argument("--evaluation", type=Path, help="folder of evaluation sets; what they hold is not learnt")
    parser.add_argument("--tests", type=Path, default=TESTS, help="folder of tests, likewise (default: our own)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the text shards")
    arguments = parser.parse_args()
    source = arguments.source or arguments.out / "corpus"
    sets = evaluation_texts(arguments.evaluation, (source, arguments.out)) if arguments.evaluation else {}
    tests = sources_of_tests(arguments.tests)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.packages:
        collect(arguments.packages, source)
    shards = sorted(source.glob("*.jsonl.xz"))
    if not shards:
        sys.exit(f"{source} holds no *.jsonl.xz: pass the folder of a corpus with --from")
    held_out = fingerprints({**sets, **tests})
    print(f"held out: {', '.join(held_out.sets)} ({len(held_out.hashes):,} runs of words)")
    for shard in shards:
        prepare(shard, arguments.out, held_out)
    write_notice(source / MANIFEST, arguments.out / NOTICE)
    print(json.dumps(summary(arguments.out), indent=1))


def prepare(shard: Path, out: Path, held_out: Fingerprints) -> None:
    """Writes one shard. Only training shards are filtered: the others are measured on, never learnt from.

    Ends with a sentence where the shard is torn.
    """
    name = shard.name.removesuffix(".jsonl.xz")
    done = out / f"{name}.files.json"
    is_learnt = name.startswith("train")
    made_of = {"source": [shard.name, shard.stat().st_size], "held_out_sha256": held_out.sha256 if is_learnt else None}
    if done.exists() and done.stat().st_mtime >= shard.stat().st_mtime and _is_made_of(out, name, made_of):
        return
    part = out / f"{name}.utf8.part"
    entries, report = _write_text(shard, part, held_out if is_learnt else None)
    done.unlink(missing_ok=True)  # from here on, the text and its list do not go together
    part.replace(out / f"{name}.utf8")
    write_json(out / f"{name}.report.json", {**made_of, **report})
    write_json(done, entries)


def _write_text(
    shard: Path, path: Path, held_out: Fingerprints | None
) -> tuple[list[tuple[str, str, int]], dict[str, Any]]:
    """The list of the files that were written (package, path, bytes), and the report."""
    entries: list[tuple[str, str, int]] = []
    broken: Counter[str] = Counter()
    dropped: list[tuple[str, str, str]] = []
    n_dropped_bytes = 0
    with path.open("wb") as text_file:
        for file in tqdm(read(shard, broken), desc=shard.name, unit=" files", mininterval=5):
            content = sources.plain(file.text).encode()
            found = held_out.match(file.text) if held_out else None
            if found:
                dropped.append((file.package, file.path, found))
                n_dropped_bytes += len(content)
            elif content.strip():
                text_file.write(content)
                entries.append((file.package, file.path, len(content)))
    return entries, {
        "n_files": len(entries),
        "n_bytes": sum(n for _, _, n in entries),
        "n_dropped_files": len(dropped),
        "n_dropped_bytes": n_dropped_bytes,
        "n_broken_rows": broken.total(),
        "dropped": dropped[:N_DROPPED_NAMED],
    }


def _is_made_of(out: Path, name: str, made_of: dict[str, Any]) -> bool:
    """Whether a shard's report says so; one of an earlier version says nothing."""
    try:
        report = json.loads((out / f"{name}.report.json").read_text("utf-8"))
        return {key: report[key] for key in made_of} == made_of
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def read(shard: Path, broken: Counter[str]) -> Iterator[File]:
    """The files of a shard; a broken row is named, counted in `broken` by the kind of error, and skipped."""
    try:
        with lzma.open(shard) as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield _file(line)
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    broken[type(error).__name__] += 1
                    print(f"{shard.name}:{number}: broken row skipped ({error!r:.200})", file=sys.stderr)
    except (EOFError, lzma.LZMAError) as error:
        sys.exit(f"{shard} is torn ({error}): fetch or write it again, then start again")


def _file(line: bytes) -> File:
    """Raises ValueError, KeyError or TypeError for a row that is none, and for text that UTF-8 cannot spell."""
    row = json.loads(line.decode("utf-8"))
    fields = [row[key] for key in ("p", "f", "t")]
    for field in fields:
        if not isinstance(field, str):
            raise TypeError(f"{field!r:.40} is no text")
        field.encode("utf-8")
    return File(*fields)


def write_json(path: Path, value: object) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")
    part.replace(path)


def summary(out: Path) -> dict[str, dict[str, int]]:
    """The counts of every shard, without names."""
    return {
        path.name.removesuffix(".report.json"): {
            key: value for key, value in json.loads(path.read_text("utf-8")).items() if isinstance(value, int)
        }
        for path in sorted(out.glob("*.report.json"))
    }


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; start it again to go on, what is done is kept")
    except OSError as error:
        sys.exit(f"{error}: mend that and start it again, what is done is kept")
