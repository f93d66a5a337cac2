"""A cleaned corpus from a pinned list of packages and the running Python's standard library.

Each package is fetched, judged and cleaned by itself into `packages/`, and not again in a later run. Then all of
them are gone through, held-out splits first, so that training texts lose what is much like one of theirs.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

import licences
import package as packages
import quality
import registry
import sources
from duplicates import Seen
from package import File, Package
from registry import Pin, Unavailable

STDLIB = "cpython-stdlib"
STDLIB_LICENCE = "PSF-2.0"

MAX_PACKAGE_BYTES = 22_000_000
MAX_TEST_SHARE = 0.35
"""Of tests, measured against the rest of the package."""

FREE_TEST_BYTES = 200_000

MAX_SEEN = {"test": 0.8, "valid": 0.8, "train": 0.6}
"""The share of a file's lines that may stand in files before it; also the order in which the splits are written."""

MANIFEST = "MANIFEST.tsv"


def collect(pin_list: Path, out: Path) -> None:
    """Writes `SPLIT.jsonl.xz`, `MANIFEST.tsv` and `report.json`. What cannot be had is named, and the rest goes on.

    Ends with a sentence, and leaves the shards as they are, where no package of the list can be used.
    """
    pins = registry.read_pins(pin_list)
    cache = out / "packages"
    cache.mkdir(parents=True, exist_ok=True)
    done = [clean_stdlib(cache)]
    for pin in (bar := tqdm(pins, desc="packages", unit=" packages")):
        bar.set_postfix_str(pin.name)
        done.append(clean(pin, cache))
        if done[-1].reason:
            tqdm.write(f"{pin.name} {pin.version} is left out: {done[-1].reason}")
    reasons = Counter(package.reason for package in done[1:] if package.reason)
    if pins and reasons.total() == len(pins):
        common = reasons.most_common(1)[0][0]
        sys.exit(
            f"none of the {len(pins)} packages of {pin_list} can be used, most since {common}: mend that, try again"
        )
    seen = Seen()
    for split in MAX_SEEN:
        write_split(split, [package for package in done if package.pin.split == split], out, seen)
    rows = ["\t".join(packages.COLUMNS), *(package.row for package in done)]
    (out / MANIFEST).write_text("\n".join(rows) + "\n", encoding="utf-8")
    summary = json.dumps(report(done), indent=1)
    (out / "report.json").write_text(summary + "\n", encoding="utf-8")
    print(summary)


def clean(pin: Pin, cache: Path) -> Package:
    """A package from the cache, or from the registry; one that cannot be had is tried again by the next run."""
    if known := packages.load(pin, cache):
        return known
    try:
        with registry.fetched(pin) as wheel:
            verdict = licences.judge(registry.metadata(wheel))
            package = Package(pin, verdict.licence, verdict.reason)
            files = [] if verdict.reason else list(good(sources.of_wheel(wheel), package))
    except Unavailable as error:
        return Package(pin, reason=str(error))
    packages.store(package, files, cache)
    return package


def clean_stdlib(cache: Path) -> Package:
    """The standard library of this interpreter, whose hash is that of all its files."""
    found = list(sources.of_stdlib())
    digest = hashlib.sha256(b"\0".join(source.content for source in found)).hexdigest()
    pin = Pin(STDLIB, sources.stdlib_version(), digest, "train")
    if known := packages.load(pin, cache):
        return known
    package = Package(pin, STDLIB_LICENCE)
    packages.store(package, list(good(found, package)), cache)
    return package


def good(found: Iterable[sources.Source], package: Package) -> Iterator[File]:
    """The files that are worth learning from; the others are counted in `package.dropped`."""
    for source in found:
        reason = quality.reason(source.path, source.content)
        if reason:
            package.dropped[reason] += 1
        else:
            yield source.path, sources.plain(source.content.decode())


def write_split(split: str, members: Iterable[Package], out: Path, seen: Seen) -> None:
    part = out / f"{split}.part"
    with lzma.open(part, "wt", encoding="utf-8", preset=packages.PRESET) as shard:
        for package in tqdm(members, desc=split, unit=" packages"):
            files = [] if package.reason else packages.load_files(package.pin, out / "packages")
            for path, text in kept(files, package, seen):
                shard.write(json.dumps({"p": package.pin.name, "f": path, "t": text}) + "\n")
    part.replace(out / f"{split}.jsonl.xz")


def kept(files: Iterable[File], package: Package, seen: Seen) -> Iterator[File]:
    """The files within the caps and unlike those before them, tests last; the others are counted."""
    n_test_bytes = 0
    for path, text in sorted(files, key=lambda file: quality.is_test(file[0])):
        n, is_test = len(text.encode()), quality.is_test(path)
        room = MAX_TEST_SHARE * (package.n_bytes - n_test_bytes) + FREE_TEST_BYTES
        if package.n_bytes + n > MAX_PACKAGE_BYTES:
            reason = "beyond the package's cap"
        elif is_test and n_test_bytes + n > room:
            reason = "beyond the tests' share"
        else:
            reason = seen.reason(text, MAX_SEEN[package.pin.split])
        if reason:
            package.dropped[reason] += 1
            continue
        seen.add(text)
        package.n_files += 1
        package.n_bytes += n
        n_test_bytes += n * is_test
        yield path, text


def report(done: list[Package]) -> dict[str, object]:
    """What was kept, and how many files were dropped for which reason."""
    dropped: Counter[str] = Counter()
    for package in done:
        dropped.update(package.dropped)
    return {
        "n_packages": sum(not package.reason for package in done),
        "n_files": sum(package.n_files for package in done),
        "n_bytes": sum(package.n_bytes for package in done),
        "dropped_files": dict(dropped.most_common()),
        "left_out_packages": {package.pin.name: package.reason for package in done if package.reason},
    }
