"""Licences are judged whole: one copyleft part joined by AND is enough to leave a package out."""

from email.message import Message

import pytest

from licences import Verdict, is_permissive, judge

PERMISSIVE = [
    "MIT",
    "mit",
    "MIT License",
    "The MIT License (MIT)",
    "MIT OR Apache-2.0",
    "MIT AND Apache-2.0",
    "MIT AND (BSD-3-Clause OR GPL-2.0-only)",
    "GPL-2.0-only OR MIT",
    "EPL-2.0 OR BSD-3-Clause",
    "(MIT)",
    "Apache-2.0 WITH LLVM-exception",
    "Apache License, Version 2.0",
    "Apache License 2.0",
    "Apache 2.0",
    "BSD-3-Clause",
    "BSD 3-Clause License",
    "3-Clause BSD License",
    "zlib/libpng License",
    "PSF-2.0",
    "Python Software Foundation License",
    "The Unlicense (Unlicense)",
    "ISC License (ISCL)",
    "MIT No Attribution License (MIT-0)",
    "BSD, Public Domain",
    "MIT/Apache-2.0",
    "ZPL-2.1",
]

OTHER = [
    "",
    "MIT AND LGPL-2.1-or-later",
    "LGPL-2.1-or-later AND MIT",
    "MIT AND (LGPL-2.1-or-later OR GPL-3.0-only)",
    "(MIT OR GPL-2.0-only) AND GPL-3.0-only",
    "GPL-3.0-or-later",
    "GPL-2.0-only WITH Classpath-exception-2.0",
    "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "MIT/GPL",
    "MIT, LGPL",
    "GNU Lesser General Public License v3 (LGPLv3)",
    "Other/Proprietary License",
    "CC-BY-NC-4.0",
    "CC-BY-SA-4.0",
    "LicenseRef-Acme",
    "MIT AND",
    "AND MIT",
    "(MIT",
    "MIT)",
    "MIT MIT AND",
    "()",
    "OR",
    "see LICENSE",
]


@pytest.mark.parametrize("expression", PERMISSIVE)
def test_permissive(expression: str) -> None:
    assert is_permissive(expression)


@pytest.mark.parametrize("expression", OTHER)
def test_not_permissive(expression: str) -> None:
    assert not is_permissive(expression)


MIT, BSD = "License :: OSI Approved :: MIT License", "License :: OSI Approved :: BSD License"
LGPL = "License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"
UMBRELLA = "License :: OSI Approved"

METADATA = [
    # License-Expression, License, classifiers → licence in the manifest, reason
    ("MIT", "", [], "MIT", ""),
    ("MIT", "GPL", [LGPL], "MIT", ""),  # the expression is what the newer standard decides by
    ("MIT AND LGPL-2.1-only", "", [MIT], "MIT AND LGPL-2.1-only", "licence copyleft"),
    ("", "", [MIT], "MIT License", ""),
    ("", "MIT", [MIT], "MIT License AND MIT", ""),
    ("", "LGPL", [MIT], "MIT License AND LGPL", "licence copyleft"),
    ("", "", [MIT, LGPL], "MIT License AND GNU Lesser General Public License v3 (LGPLv3)", "licence copyleft"),
    ("", "", [MIT, BSD], "MIT License AND BSD License", ""),
    ("", "MIT", [UMBRELLA], "MIT", ""),
    ("", "", [UMBRELLA], "", "licence not said"),
    ("", "", [], "", "licence not said"),
    ("", "UNKNOWN", [], "", "licence not said"),
    ("", "Acme terms", [], "Acme terms", "licence unknown"),
    ("", "Permission is hereby granted, free of charge, " * 9, [MIT], "MIT License", ""),
]


@pytest.mark.parametrize(("expression", "text", "classifiers", "licence", "reason"), METADATA)
def test_judge(expression: str, text: str, classifiers: list[str], licence: str, reason: str) -> None:
    metadata = Message()
    for name, value in (("License-Expression", expression), ("License", text)):
        if value:
            metadata[name] = value
    for classifier in classifiers:
        metadata["Classifier"] = classifier
    assert judge(metadata) == Verdict(licence, reason)


def test_a_long_text_of_a_copyleft_licence_is_not_overlooked() -> None:
    metadata = Message()
    metadata["Classifier"] = MIT
    metadata["License"] = "GNU GENERAL PUBLIC LICENSE " + "Everyone is permitted to copy. " * 9
    assert judge(metadata).reason == "licence copyleft"
