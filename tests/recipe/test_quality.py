"""What a file is dropped for."""

import pytest

from quality import is_test, reason

CODE = "import os\n\n\ndef read(path):\n    with open(path) as file:\n        return file.read()\n"
GOOD = CODE * 6

ROWS = [
    ("pkg/mod.py", GOOD, ""),
    ("pkg/mod.py", "x = 1\n", "tiny"),
    ("pkg/mod.py", GOOD * 600, "huge"),
    ("pkg/_vendor/mod.py", GOOD, "vendored"),
    ("pkg/third_party/mod.py", GOOD, "vendored"),
    ("vendor/mod.py", GOOD, "vendored"),
    ("pkg/vendor.py", GOOD, ""),
    ("pkg/mod_pb2.py", GOOD, "generated"),
    ("pkg/parsetab.py", GOOD, "generated"),
    ("pkg/mod.py", "# This file is auto-generated\n" + GOOD, "generated"),
    ("pkg/mod.py", "# @generated\n" + GOOD, "generated"),
    ("pkg/mod.py", "# DO NOT EDIT\n" + GOOD, "generated"),
    ("pkg/mod.py", GOOD * 5 + "# do not edit this line\n", ""),  # far from the head it is only talk
    ("pkg/mod.py", "# SPDX-License-Identifier: LGPL-2.1-only\n" + GOOD, "copyleft header"),
    ("pkg/mod.py", "# under the GNU General Public License\n" + GOOD, "copyleft header"),
    ("pkg/mod.py", GOOD + "x = '" + "ab " * 300 + "'\n", "long lines"),
    ("pkg/mod.py", GOOD + "".join(f"x{n} = 123456789012345\n" for n in range(99)), "digits"),
    ("pkg/mod.py", GOOD + "TABLE = [\n" + "    'some words',\n" * 60 + "]\n", "table"),
    ("pkg/mod.py", GOOD + "# 日本語のコメント\n" * 20, "not ASCII"),
    ("pkg/mod.py", "x = y\n" * 99, "no code"),
    ("pkg/mod.py", GOOD + "\0", "binary"),
]


@pytest.mark.parametrize(("path", "text", "expected"), ROWS)
def test_reason(path: str, text: str, expected: str) -> None:
    assert reason(path, text.encode()) == expected


def test_bytes_that_are_no_utf8() -> None:
    assert reason("mod.py", GOOD.encode() + b"\xff") == "encoding"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pkg/tests/helpers.py", True),
        ("tests/a.py", True),
        ("pkg/test_a.py", True),
        ("pkg/a_test.py", True),
        ("conftest.py", True),
        ("pkg/testing/a.py", True),
        ("pkg/contest.py", False),
        ("pkg/attest/a.py", False),
        ("pkg/latest.py", False),
    ],
)
def test_tests_are_known_by_their_paths(path: str, expected: bool) -> None:
    assert is_test(path) is expected
