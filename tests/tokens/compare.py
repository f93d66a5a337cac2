"""Our prompt's token ids against those of independent tokenizers: `python tests/tokens/compare.py [N [SEED]]`.

N random documents (5,000) for each family with a real vocabulary, in each order that the family has, with the form
for several files where there are snippets. Code Llama's vocabulary is Llama 2's with the four documented pieces.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import documents
import gguf
import llama_cpp as llama
import oracles
from oracles import Oracle

from codels.backends.llamavocab import Vocabulary
from codels.core import Snippet
from codels.prompt import Order, Place, render
from codels.prompt.budget import Window, fit
from codels.prompt.families import FAMILIES

PLACE = Place("app.py", "project", "python")

CODE_LLAMA = {"▁<PRE>": 32007, "▁<SUF>": 32008, "▁<MID>": 32009, "▁<EOT>": 32010}
"""ggml-org/llama.cpp pull request 2934."""

LLAMA_SHAPE = {
    "context_length": 4096, "embedding_length": 4096, "block_count": 32, "feed_forward_length": 11008,
    "attention.head_count": 32,
}  # fmt: skip
"""Of no weights: the format wants it."""

CODE_LLAMA_WHOLE = {
    **{piece: 32000 + n for n, piece in enumerate(("▁<SU", "▁<SUF", "▁<PRE", "▁<M", "▁<MID", "▁<E", "▁<EOT"))},
    **CODE_LLAMA,
    **{"▁" + "<EOT>" * n: 32009 + n for n in range(2, 7)},
}
"""As copies of its vocabulary show it."""

Expected = Callable[[Oracle, str, Window], list[int]]
"""The prompt's ids by hand: the oracle, the prefix that is shown, and the window."""


def starcoder_psm(o: Oracle, shown: str, window: Window) -> list[int]:
    return [
        o.ids["<fim_prefix>"],
        *o.encode(shown),
        o.ids["<fim_suffix>"],
        *o.encode(window.suffix),
        o.ids["<fim_middle>"],
    ]


def starcoder_spm(o: Oracle, shown: str, window: Window) -> list[int]:
    return [
        o.ids["<fim_prefix>"],
        o.ids["<fim_suffix>"],
        *o.encode(window.suffix),
        o.ids["<fim_middle>"],
        *o.encode(shown),
    ]


def starcoder2_repo(o: Oracle, shown: str, window: Window) -> list[int]:
    files = [id_ for s in window.snippets for id_ in (o.ids["<file_sep>"], *o.encode(f"{s.path}\n{s.text}"))]
    return [
        o.ids["<repo_name>"], *o.encode("project"), *files, o.ids["<file_sep>"], o.ids["<fim_prefix>"],
        *o.encode("app.py\n" + shown), o.ids["<fim_suffix>"], *o.encode(window.suffix), o.ids["<fim_middle>"],
    ]  # fmt: skip


def refact(o: Oracle, shown: str, window: Window) -> list[int]:
    return [
        o.ids["<fim_suffix>"],
        *o.encode(window.suffix),
        o.ids["<fim_prefix>"],
        *o.encode(shown),
        o.ids["<fim_middle>"],
    ]


def deepseek_psm(o: Oracle, shown: str, window: Window) -> list[int]:
    begin, hole, end = (o.ids[f"<｜fim▁{name}｜>"] for name in ("begin", "hole", "end"))
    return [o.bos, begin, *o.encode(shown), hole, *o.encode(window.suffix), end]


def deepseek_spm(o: Oracle, shown: str, window: Window) -> list[int]:
    begin, hole, end = (o.ids[f"<｜fim▁{name}｜>"] for name in ("begin", "hole", "end"))
    return [o.bos, begin, hole, *o.encode(window.suffix), end, *o.encode(shown)]


def deepseek_repo(o: Oracle, shown: str, window: Window) -> list[int]:
    head = "".join(f"#{snippet.path}\n{snippet.text}\n\n" for snippet in window.snippets) + "#app.py\n"
    return [o.bos, *o.encode(head), *deepseek_psm(o, shown, window)[1:]]


def codellama_psm(o: Oracle, shown: str, window: Window) -> list[int]:
    return [o.bos, 32007, *o.encode(shown), 32008, *o.joined(window.suffix), 32009]


def codellama_spm(o: Oracle, shown: str, window: Window) -> list[int]:
    return [o.bos, 32007, 32008, *o.joined(window.suffix), 32009, *o.encode(shown)]


def extended(path: Path, work: Path, is_whole: bool = False) -> Path:
    """Code Llama's vocabulary: Llama 2's with the four documented pieces at their places, and nothing where others
    stand; or all of its sixteen, as ordinary pieces, in the order in which SentencePiece joins them.
    """
    tokens, scores, types = (list(oracles.contents(path)[name]) for name in ("tokens", "scores", "token_type"))
    pieces = {number: piece for piece, number in (CODE_LLAMA_WHOLE if is_whole else CODE_LLAMA).items()}
    marked = gguf.TokenType.NORMAL if is_whole else gguf.TokenType.CONTROL
    for number in range(32000, 32016):
        tokens.append(pieces.get(number, f"[UNUSED{number}]"))
        scores.append(259.0 - number)
        types.append(marked if number in pieces else gguf.TokenType.UNUSED)
    writer = gguf.GGUFWriter(str(work / "codellama.gguf"), "llama")
    for name, number in LLAMA_SHAPE.items():
        writer.add_uint32(f"llama.{name}", number)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types([int(type_) for type_ in types])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return work / "codellama.gguf"


def as_it_is(path: Path, _work: Path) -> Path:
    return path


def whole(path: Path, work: Path) -> Path:
    """Code Llama's vocabulary with all its pieces."""
    return extended(path, work, is_whole=True)


@dataclass(frozen=True)
class Case:
    """A family with its vocabulary: what the prompt is in each order, and with snippets.

    `extend` makes the vocabulary that is used of the one in the file, in a folder; `oracle` reads what is used.
    """

    family: str
    file: str
    oracle: Callable[[Path], Oracle]
    forms: dict[tuple[Order, bool], Expected]
    extend: Callable[[Path, Path], Path] = as_it_is
    note: str = ""


def _starcoder(path: Path) -> Oracle:
    return oracles.byte_level(path, oracles.digits_then_words())


def _deepseek(path: Path) -> Oracle:
    return oracles.byte_level(path, oracles.deepseek_coder())


PSM, SPM = Order.PSM, Order.SPM

STARCODER2 = "ggml-vocab-starcoder.gguf"
"""StarCoder2's, though it is called starcoder: the architecture is starcoder2, and it has <repo_name> and <file_sep>.
"""

REFACT = "ggml-vocab-refact.gguf"
"""StarCoder's (<reponame>, <filename> and <gh_stars> are StarCoder 1's), which Refact uses, and 64 empty places."""

LLAMA = "ggml-vocab-llama-spm.gguf"

STARCODER_FORMS = {(PSM, False): starcoder_psm, (SPM, False): starcoder_spm}

CODE_LLAMA_FORMS = {(PSM, False): codellama_psm, (SPM, False): codellama_spm}

CASES = (
    Case("starcoder", STARCODER2, _starcoder, STARCODER_FORMS, note=", StarCoder2's vocabulary"),
    Case("starcoder", REFACT, _starcoder, STARCODER_FORMS, note=", its own vocabulary"),
    Case("starcoder2", STARCODER2, _starcoder, {**STARCODER_FORMS, (PSM, True): starcoder2_repo}),
    Case("refact", REFACT, _starcoder, {(SPM, False): refact}),
    Case(
        "deepseek-coder",
        "ggml-vocab-deepseek-coder.gguf",
        _deepseek,
        {(PSM, False): deepseek_psm, (SPM, False): deepseek_spm, (PSM, True): deepseek_repo},
    ),
    Case("codellama", LLAMA, oracles.sentence_piece, CODE_LLAMA_FORMS, extended, ", the four documented pieces"),
    Case("codellama", LLAMA, oracles.code_llama, CODE_LLAMA_FORMS, whole, ", all sixteen pieces"),
)


@dataclass(frozen=True)
class Difference:
    family: str
    order: Order
    window: Window
    ours: list[int]
    theirs: list[int]


def compare(case: Case, folder: Path, n: int, seed: int, work: Path) -> tuple[int, list[Difference]]:
    """How many prompts there were, and those whose ids differ."""
    path = case.extend(folder / case.file, work)
    vocabulary, oracle = load(path), case.oracle(path)
    n_prompts, different = 0, []
    for document in documents.documents(n, seed, corpus_of(folder)):
        window = fit(document.site, document.snippets, document.max_chars)
        for order, window_, expected in _prompts(case, window):
            prompt = render(FAMILIES[case.family], order, window_, PLACE)
            assert window.prefix.endswith(prompt.heal)
            shown = window.prefix[: len(window.prefix) - len(prompt.heal)]
            ours = [token for part in prompt.parts for token in vocabulary.tokenize(part)]
            theirs = expected(oracle, _valid(shown), _valid_window(window_))
            n_prompts += 1
            if ours != theirs:
                different.append(Difference(case.family, order, window_, ours, theirs))
    return n_prompts, different


def _prompts(case: Case, window: Window) -> Iterator[tuple[Order, Window, Expected]]:
    """Each order as it is, and with the snippets where the family has a form for them."""
    for (order, is_repo), expected in case.forms.items():
        if not is_repo:
            yield order, Window(window.prefix, window.suffix), expected
        elif window.snippets:
            yield order, window, expected


def _valid(text: str) -> str:
    """Half characters become question marks: no tokenizer takes them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _valid_window(window: Window) -> Window:
    snippets = tuple(Snippet(_valid(s.path), _valid(s.text)) for s in window.snippets)
    return Window(_valid(window.prefix), _valid(window.suffix), snippets)


def load(path: Path) -> Vocabulary:
    """The vocabulary alone; its model lives as long as the process."""
    parameters = llama.llama_model_default_params()
    parameters.vocab_only = True
    model = llama.llama_model_load_from_file(str(path).encode(), parameters)
    assert model, path
    return Vocabulary(model)


def corpus_of(folder: Path) -> Path:
    """Where code comes from, beside the vocabularies."""
    return folder.parent / "corpus" / "valid.jsonl.xz"


@llama.llama_log_callback
def _ignore(_level: int, _text: bytes, _data: object) -> None:
    """Nothing is printed."""


def silence() -> None:
    llama.llama_log_set(_ignore, None)


def main(n: int = 5000, seed: int = 0) -> int:
    silence()
    default = Path(__file__).parents[3] / "shared"
    folder = Path(os.environ.get("CODELS_SHARED", default)) / "data" / "llama-vocab"
    n_different = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as work:
            n_prompts, different = compare(case, folder, n, seed, Path(work))
        print(
            f"{case.family}{case.note}: {n_prompts - len(different)} of {n_prompts} prompts of {n} documents are equal"
        )
        for row in different[:5]:
            print(f"  {row.order}: {shown(row)}")
        n_different += len(different)
    return 1 if n_different else 0


def shown(row: Difference) -> str:
    at = next((i for i, (a, b) in enumerate(zip(row.ours, row.theirs, strict=False)) if a != b), 0)
    return f"at token {at}: ours {row.ours[at : at + 8]}, the oracle's {row.theirs[at : at + 8]}"


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
