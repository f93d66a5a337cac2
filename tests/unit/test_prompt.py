"""Prompts: a golden file a family, the facts beside them, and text that is full of markers.

After a change on purpose: UPDATE_GOLDEN=1 python -m pytest tests/unit/test_prompt.py, and read the diff.
"""

import os
from pathlib import Path

import pytest

from codels.core import Snippet
from codels.generation import BOS, Part, Prompt
from codels.prompt import Family, Order, Place, render
from codels.prompt.budget import Window
from codels.prompt.families import FAMILIES

GOLDEN = Path(__file__).parent.parent / "golden"
REMEDY = "after a change on purpose run: UPDATE_GOLDEN=1 python -m pytest tests/unit/test_prompt.py"

WINDOW = Window("import shapes\n\n\ndef area(width, he", "):\n    return width * height\n")
SNIPPETS = (Snippet("shapes.py", "PI = 3\n"), Snippet("util/text.py", "def trim(s):\n    return s.strip()"))
PLACE = Place(path="app.py", repo="demo", language="python")
FORMS = [
    ("psm", Order.PSM, False),
    ("spm", Order.SPM, False),
    ("repo_psm", Order.PSM, True),
    ("repo_spm", Order.SPM, True),
]


def shown(part: Part) -> str:
    """Markers in ⟦brackets⟧; ⁀ before text that goes on without SentencePiece's blank; ↵ where a line ends."""
    if part == BOS:
        return "⟦BOS⟧"
    return f"⟦{part.text}⟧" if part.special else "⁀" * part.joined + part.text.replace("\n", "↵\n")


def golden(family: Family) -> str:
    lines = [f"{family.name}: {family.source}", f"ends at: {' '.join(family.stop) or 'end of text only'}"]
    if family.opening:
        lines.append(f"the answer opens with: {family.opening}")
    for form, order, is_repo in FORMS:
        if family.template(order, is_repo):
            window = Window(WINDOW.prefix, WINDOW.suffix, SNIPPETS if is_repo else ())
            prompt = render(family, order, window, PLACE)
            lines += [
                "",
                f"-------- {form}",
                "".join(map(shown, prompt.parts)),
                f"-------- then spelled again: {prompt.heal!r}",
            ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", FAMILIES)
def test_golden(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    text = golden(FAMILIES[name])
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert path.is_file(), f"{path} is missing; {REMEDY}"
    assert text == path.read_text("utf-8"), REMEDY


def test_every_golden_file_has_its_family() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(FAMILIES)


# The strings of shared/facts/prompt-templates.md, copied from there: {p} prefix, {s} suffix, <s> BOS.
FACTS = [
    ("codellama", "psm", "<s>▁<PRE>{p}▁<SUF>{s}▁<MID>"),
    ("codellama", "spm", "<s>▁<PRE>▁<SUF>{s}▁<MID>{p}"),
    ("starcoder", "psm", "<fim_prefix>{p}<fim_suffix>{s}<fim_middle>"),
    ("starcoder", "spm", "<fim_prefix><fim_suffix>{s}<fim_middle>{p}"),
    ("starcoder2", "psm", "<fim_prefix>{p}<fim_suffix>{s}<fim_middle>"),
    ("starcoder2", "spm", "<fim_prefix><fim_suffix>{s}<fim_middle>{p}"),
    (
        "starcoder2",
        "repo_psm",
        "<repo_name>{repo}<file_sep>{path1}\n{code1}<file_sep>{path2}\n{code2}<file_sep>"
        "<fim_prefix>{path}\n{p}<fim_suffix>{s}<fim_middle>",
    ),
    ("santacoder", "psm", "<fim-prefix>{p}<fim-suffix>{s}<fim-middle>"),
    ("refact", "spm", "<fim_suffix>{s}<fim_prefix>{p}<fim_middle>"),
    ("deepseek-coder", "psm", "<s><｜fim▁begin｜>{p}<｜fim▁hole｜>{s}<｜fim▁end｜>"),
    ("deepseek-coder", "spm", "<s><｜fim▁begin｜><｜fim▁hole｜>{s}<｜fim▁end｜>{p}"),
    (
        "deepseek-coder",
        "repo_psm",
        "<s>#{path1}\n{code1}\n\n#{path2}\n{code2}\n\n#{path}\n<｜fim▁begin｜>{p}<｜fim▁hole｜>{s}<｜fim▁end｜>",
    ),
    ("qwen2.5-coder", "psm", "<|fim_prefix|>{p}<|fim_suffix|>{s}<|fim_middle|>"),
    (
        "qwen2.5-coder",
        "repo_psm",
        "<|repo_name|>{repo}\n<|file_sep|>{path1}\n{code1}\n<|file_sep|>{path2}\n{code2}\n<|file_sep|>{path}\n"
        "<|fim_prefix|>{p}<|fim_suffix|>{s}<|fim_middle|>",
    ),
    ("codeqwen1.5", "psm", "<fim_prefix>{p}<fim_suffix>{s}<fim_middle>"),
    ("codegemma", "psm", "<s><|fim_prefix|>{p}<|fim_suffix|>{s}<|fim_middle|>"),
    ("codestral", "spm", "<s>[SUFFIX]{s}[PREFIX]{p}"),
    (
        "codestral",
        "repo_spm",
        "<s>[SUFFIX]{s}[PREFIX]+++++ {path1}\n{code1}\n\n+++++ {path2}\n{code2}\n\n+++++ {path}\n{p}",
    ),
    ("granite", "psm", "<fim_prefix>{p}<fim_suffix>{s}<fim_middle>"),
    ("granite4", "psm", "<|fim_prefix|>{p}<|fim_suffix|>{s}<|fim_middle|>"),
    ("stable-code", "psm", "<fim_prefix>{p}<fim_suffix>{s}<fim_middle>"),
    ("seed-coder", "spm", "<[fim-suffix]>{s}<[fim-prefix]>{p}<[fim-middle]>"),
    ("mellum", "spm", "<fim_suffix>{s}<fim_prefix>{p}<fim_middle>"),
    (
        "mellum",
        "repo_spm",
        "<filename>{path1}\n{code1}\n<filename>{path2}\n{code2}\n<filename>{path}\n"
        "<fim_suffix>{s}<fim_prefix>{p}<fim_middle>",
    ),
    ("codegen2", "psm", "{p}<mask_1>{s}<|endoftext|><sep><mask_1>"),
    ("codet5p", "psm", "{p}<extra_id_0>{s}"),
    ("incoder", "psm", "{p}<|mask:0|>{s}<|mask:1|><|mask:0|>"),
    (
        "codegeex4",
        "spm",
        "<|user|>\n###PATH:{path}\n###LANGUAGE:{language}\n###MODE:BLOCK\n"
        "<|code_suffix|>{s}<|code_prefix|>{p}<|code_middle|><|assistant|>\n",
    ),
    ("glm-4.5", "psm", "<|code_prefix|>{p}<|code_suffix|>{s}<|code_middle|>"),
    ("falcon-h1", "psm", "<|prefix|>{p}<|suffix|>{s}<|middle|>"),
    ("codels", "spm", "<|fim_prefix|><|fim_suffix|>{s}<|fim_middle|>{p}"),
    ("codels", "psm", "<|fim_prefix|>{p}<|fim_suffix|>{s}<|fim_middle|>"),
    ("plain", "psm", "{p}"),
]
IDS = [f"{name}-{form}" for name, form, _ in FACTS]
VALUES = {"p": "x =", "s": ")\n", "repo": PLACE.repo, "path": PLACE.path, "language": PLACE.language}
VALUES |= {f"path{n}": s.path for n, s in enumerate(SNIPPETS, 1)} | {
    f"code{n}": s.text for n, s in enumerate(SNIPPETS, 1)
}


def rendered(name: str, form: str, prefix: str, suffix: str) -> Prompt:
    order, is_repo = next((order, is_repo) for f, order, is_repo in FORMS if f == form)
    window = Window(prefix, suffix, SNIPPETS if is_repo else ())
    return render(FAMILIES[name], order, window, PLACE)


@pytest.mark.parametrize(("name", "form", "fact"), FACTS, ids=IDS)
def test_a_row_says_what_the_facts_say(name: str, form: str, fact: str) -> None:
    parts = rendered(name, form, "x = ", ")\n").parts
    assert "".join("<s>" if part == BOS else part.text for part in parts) == fact.format(**VALUES)


STOPS = {
    "codellama": ["▁<EOT>"],
    "starcoder2": ["<|endoftext|>", "<file_sep>"],
    "santacoder": ["<|endoftext|>", "<fim-pad>"],
    "refact": ["<|endoftext|>"],
    "deepseek-coder": ["<｜end▁of▁sentence｜>", "<|EOT|>"],
    "qwen2.5-coder": [
        "<|endoftext|>",
        "<|fim_pad|>",
        "<|repo_name|>",
        "<|file_sep|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|fim_prefix|>",
        "<|fim_suffix|>",
        "<|fim_middle|>",
        "<|cursor|>",
    ],
    "codegemma": ["<|file_separator|>", "<eos>", "<end_of_turn>"],
    "codestral": ["</s>"],
    "granite": ["<|end_of_text|>", "<|endoftext|>"],
    "stable-code": ["<|endoftext|>"],
    "seed-coder": ["<[end▁of▁sentence]>"],
    "mellum": ["<|endoftext|>", "<filename>"],
    "codegen2": ["<eom>"],
    "codet5p": ["<extra_id_1>"],
    "incoder": ["<|endofmask|>"],
    "codegeex4": ["<|endoftext|>", "<|user|>"],
}


@pytest.mark.parametrize("name", STOPS)
def test_a_row_ends_where_the_facts_say(name: str) -> None:
    assert set(STOPS[name]) <= set(FAMILIES[name].stop)


def test_every_template_stands_among_the_facts() -> None:
    forms = {
        (family.name, form)
        for family in FAMILIES.values()
        for form, order, is_repo in FORMS
        if family.template(order, is_repo)
    }
    assert forms - {(name, form) for name, form, _ in FACTS} == {
        ("codegemma", "repo_psm")
    }  # only its separator is there


EVERY_MARKER = "".join(dict.fromkeys(marker for family in FAMILIES.values() for marker in family.all_markers))


@pytest.mark.parametrize(("name", "form", "fact"), FACTS, ids=IDS)
def test_a_file_full_of_markers_stays_text(name: str, form: str, fact: str) -> None:
    """Byte for byte, and in pieces that hold no whole marker of the family: some tokenizers find them in any text."""
    prefix, suffix = f"x = '{EVERY_MARKER}'\ny = '{EVERY_MARKER}'", f"'{EVERY_MARKER}'\n"
    order, is_repo = next((order, is_repo) for f, order, is_repo in FORMS if f == form)
    snippets = (Snippet("a.py", EVERY_MARKER), Snippet(EVERY_MARKER, "b")) if is_repo else ()
    prompt = render(FAMILIES[name], order, Window(prefix + " x", suffix, snippets), PLACE)
    values = {"p": prefix, "s": suffix, "path1": "a.py", "code1": EVERY_MARKER, "path2": EVERY_MARKER, "code2": "b"}
    assert "".join("<s>" if part == BOS else part.text for part in prompt.parts) == fact.format(**VALUES | values)
    n_special = sum(part.special for part in rendered(name, form, "x", "y").parts)
    assert sum(part.special for part in prompt.parts) == n_special
    texts = [part.text for part in prompt.parts if not part.special]
    assert [m for m in FAMILIES[name].all_markers for text in texts if m in text] == []


CUT = [
    # what the user wrote, and the pieces that reach the tokenizer
    ("a <|EOT|> b", ["a <|", "EOT|> b"]),
    ("<｜fim▁hole｜>", ["<｜", "fim▁hole｜>"]),
    ("<|EOT|><|EOT|>", ["<|", "EOT|><|", "EOT|>"]),
    ("<fim_prefix>", ["<fim_prefix>"]),  # another family's
    ("a < b", ["a < b"]),
]


@pytest.mark.parametrize(("text", "pieces"), CUT)
def test_text_is_cut_inside_a_marker(text: str, pieces: list[str]) -> None:
    parts = render(FAMILIES["deepseek-coder"], Order.PSM, Window("", text), PLACE).parts
    found = [part for part in parts if not part.special]
    assert [part.text for part in found] == pieces
    assert [part.joined for part in found] == [False] + [True] * (len(pieces) - 1)


@pytest.mark.parametrize(
    ("name", "order"),
    [("refact", Order.PSM), ("qwen2.5-coder", Order.SPM), ("codegeex4", Order.PSM), ("plain", Order.SPM)],
)
def test_an_order_that_a_family_does_not_know_is_refused(name: str, order: Order) -> None:
    with pytest.raises(ValueError, match=f"family {name} has no {order} template"):
        render(FAMILIES[name], order, WINDOW, PLACE)


def test_snippets_are_left_out_where_a_family_has_no_form_for_them() -> None:
    window = Window(WINDOW.prefix, WINDOW.suffix, SNIPPETS)
    assert render(FAMILIES["refact"], Order.SPM, window, PLACE) == render(FAMILIES["refact"], Order.SPM, WINDOW, PLACE)


def test_empty_sides_leave_no_empty_parts() -> None:
    parts = render(FAMILIES["codels"], Order.SPM, Window("", ""), PLACE).parts
    assert [part.text for part in parts] == ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]


JOINED = [
    # family, form, whether the suffix and the prefix go on without SentencePiece's blank
    ("codellama", "psm", True, False),
    ("codellama", "spm", True, False),
    ("codestral", "spm", True, False),
    ("codestral", "repo_spm", True, True),
    ("starcoder2", "psm", False, False),
]


@pytest.mark.parametrize(("name", "form", "suffix", "prefix"), JOINED)
def test_joined_parts(name: str, form: str, suffix: bool, prefix: bool) -> None:
    parts = rendered(name, form, "before (", "after").parts
    assert [part.joined for part in parts if part.text.endswith("after")] == [suffix]
    assert [part.joined for part in parts if part.text.endswith("before")] == [prefix]
