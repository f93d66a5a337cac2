"""Real vocabularies: token ids as llama.cpp gives them, markers that are one id, user text that never becomes one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codels.backends.llamavocab import Vocabulary
from codels.errors import MarkerMissing
from codels.generation import BOS, Part
from codels.prompt import Order, Place, render
from codels.prompt.budget import Window
from codels.prompt.families import FAMILIES

FILES = {name: f"ggml-vocab-{name}.gguf" for name in ("starcoder", "refact", "deepseek-coder", "llama-spm")}
SEPARATOR = "\n__ggml_vocab_test__\n"


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    path = shared / "data" / "llama-vocab"
    if not path.is_dir():
        pytest.skip(f"{path} does not exist")
    return path


@pytest.fixture(scope="module")
def vocabularies(folder: Path) -> Iterator[dict[str, Vocabulary]]:
    llama = pytest.importorskip("llama_cpp")
    silent = llama.llama_log_callback(lambda _level, _text, _data: None)
    llama.llama_log_set(silent, None)
    parameters = llama.llama_model_default_params()
    parameters.vocab_only = True
    models = {
        name: llama.llama_model_load_from_file(str(folder / file).encode(), parameters) for name, file in FILES.items()
    }
    yield {name: Vocabulary(model) for name, model in models.items()}
    for model in models.values():
        llama.llama_model_free(model)


def ids(vocabulary: Vocabulary, text: str) -> list[int]:
    return vocabulary.tokenize(Part(text))


def spelled(vocabulary: Vocabulary, tokens: list[int]) -> str:
    return b"".join(map(vocabulary.pieces.of, tokens)).decode()


@pytest.mark.parametrize("name", FILES)
def test_ids_are_those_of_llama_cpp(name: str, vocabularies: dict[str, Vocabulary], folder: Path) -> None:
    texts = (folder / f"{FILES[name]}.inp").read_text("utf-8").split(SEPARATOR)
    lines = (folder / f"{FILES[name]}.out").read_text("utf-8").split("\n")
    assert len(texts) > 40
    for text, line in zip(texts, lines, strict=False):
        assert ids(vocabularies[name], text) == [int(number) for number in line.split()], text


MARKERS = [
    ("starcoder", "starcoder2"),
    ("starcoder", "granite"),
    ("refact", "refact"),
    ("deepseek-coder", "deepseek-coder"),
]


@pytest.mark.parametrize(("name", "family"), MARKERS)
def test_a_marker_is_one_id(name: str, family: str, vocabularies: dict[str, Vocabulary]) -> None:
    markers = [m for m in FAMILIES[family].all_markers if m not in FAMILIES[family].stop]
    found = [vocabularies[name].tokenize(Part(marker, special=True)) for marker in markers]
    assert [len(tokens) for tokens in found] == [1] * len(markers)
    assert len({tokens[0] for tokens in found}) == len(markers)


@pytest.mark.parametrize(("name", "family"), MARKERS)
def test_an_answer_ends_at_the_familys_stop_markers(
    name: str, family: str, vocabularies: dict[str, Vocabulary]
) -> None:
    vocabulary, stops = vocabularies[name], FAMILIES[family].stop
    known = {vocabulary.special[stop] for stop in stops if stop in vocabulary.special}
    assert known
    assert known <= vocabulary.ends(stops)


EVERY_MARKER = tuple(dict.fromkeys(marker for family in FAMILIES.values() for marker in family.all_markers))


@pytest.mark.parametrize(("name", "family"), MARKERS)
def test_a_file_full_of_markers_brings_no_special_id(
    name: str, family: str, vocabularies: dict[str, Vocabulary]
) -> None:
    """Of any family; the text comes back byte for byte."""
    vocabulary, row = vocabularies[name], FAMILIES[family]
    own = {vocabulary.special[marker] for marker in row.all_markers if marker in vocabulary.special}
    source = "".join(f"x = '{marker}'\n{marker}{marker}\n\t# {marker} \n" for marker in EVERY_MARKER)
    order = Order.PSM if row.psm else Order.SPM
    parts = render(row, order, Window(source + "(", source), Place()).parts
    n_expected = sum(part.special for part in parts)
    tokens = [token for part in parts for token in vocabulary.tokenize(part)]
    assert sum(token in own for token in tokens) == n_expected - row.bos
    text = [token for part in parts if not part.special for token in vocabulary.tokenize(part)]
    assert spelled(vocabulary, text) == source * 2


def test_control_tokens_never_come_from_text(vocabularies: dict[str, Vocabulary]) -> None:
    for vocabulary in vocabularies.values():
        controls = {text for text, token in vocabulary.special.items() if token in vocabulary.ends(())}
        controls -= {"<|EOT|>"}  # DeepSeek-Coder's is a user-defined token, found in any text; `render` cuts it
        assert controls
        source = "".join(f"x = '{marker}'\n{marker}{marker}\n" for marker in (*EVERY_MARKER, *controls))
        found = {vocabulary.special[control] for control in controls}.intersection(
            ids(vocabulary, source.replace("<|EOT|>", ""))
        )
        assert not found


@pytest.mark.parametrize(
    ("name", "marker"),
    [
        ("starcoder", "<|fim_prefix|>"),
        ("refact", "<｜fim▁hole｜>"),
        ("deepseek-coder", "<fim_prefix>"),
        ("deepseek-coder", "<|fim▁hole|>"),
        ("llama-spm", "▁<PRE>"),
        ("starcoder", "def"),
    ],
)
def test_a_foreign_marker_is_refused(name: str, marker: str, vocabularies: dict[str, Vocabulary]) -> None:
    with pytest.raises(MarkerMissing) as error:
        vocabularies[name].tokenize(Part(marker, special=True))
    assert marker in str(error.value)


JOINED = ["foo", " foo", "  foo", "\n    return x", ")", "é", "日本", "😀", "x\u2028y", "a\r\nb"]


@pytest.mark.parametrize("text", JOINED)
def test_llama_puts_a_blank_before_a_text_and_not_before_a_joined_one(
    text: str, vocabularies: dict[str, Vocabulary]
) -> None:
    llama = vocabularies["llama-spm"]
    assert spelled(llama, llama.tokenize(Part(text))) == " " + text
    assert spelled(llama, llama.tokenize(Part(text, joined=True))) == text


@pytest.mark.parametrize("name", ["starcoder", "refact", "deepseek-coder"])
@pytest.mark.parametrize("text", JOINED)
def test_elsewhere_joined_is_no_different(name: str, text: str, vocabularies: dict[str, Vocabulary]) -> None:
    vocabulary = vocabularies[name]
    assert vocabulary.tokenize(Part(text, joined=True)) == vocabulary.tokenize(Part(text))
    assert spelled(vocabulary, vocabulary.tokenize(Part(text))) == text


def test_any_text_can_be_spelled_again(vocabularies: dict[str, Vocabulary]) -> None:
    """Healing holds decoding to tokens that spell bytes: each byte that text has must be one."""
    never = {0xC0, 0xC1, 0xF1, 0xF2, *range(0xF5, 0x100)}  # in no assigned character
    for name, vocabulary in vocabularies.items():
        missing = [n for n in range(256) if n not in never and not vocabulary.pieces.spelling(bytes([n]))]
        assert missing == [], name


def test_empty_parts_are_no_tokens(vocabularies: dict[str, Vocabulary]) -> None:
    for vocabulary in vocabularies.values():
        assert vocabulary.tokenize(Part("")) == []
        assert vocabulary.tokenize(Part("", joined=True)) == []
        assert len(vocabulary.tokenize(BOS)) == 1
