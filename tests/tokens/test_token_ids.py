"""Our prompts have the token ids that independent tokenizers say; `compare.py` is the long run of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codels.generation import Part

compare = pytest.importorskip("compare", reason="it needs llama_cpp, gguf and tokenizers", exc_type=ImportError)

N_DOCUMENTS = 25


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    path = shared / "data" / "llama-vocab"
    if not path.is_dir() or not compare.corpus_of(path).is_file():
        pytest.skip(f"{path} or {compare.corpus_of(path)} does not exist")
    compare.silence()
    return path


@pytest.mark.parametrize("case", compare.CASES, ids=lambda case: case.family + case.note)
def test_ids_are_the_oracles(case: Any, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentencepiece")
    n_prompts, different = compare.compare(case, folder, N_DOCUMENTS, seed=7, work=tmp_path)
    assert n_prompts >= N_DOCUMENTS
    assert [compare.shown(row) for row in different] == []


def test_every_form_of_a_family_is_compared() -> None:
    for case in compare.CASES:
        family = compare.FAMILIES[case.family]
        forms = {(order, is_repo) for order in compare.Order for is_repo in (False, True)}
        assert {form for form in forms if family.template(*form)} == set(case.forms)


@pytest.mark.parametrize("is_whole", [False, True])
def test_code_llamas_pieces_are_where_they_are_documented(folder: Path, tmp_path: Path, is_whole: bool) -> None:
    path = compare.extended(folder / compare.LLAMA, tmp_path, is_whole)
    vocabulary = compare.load(path)
    found = {piece: vocabulary.special[piece] for piece in compare.CODE_LLAMA}
    assert found == compare.CODE_LLAMA
    assert compare.CODE_LLAMA["▁<EOT>"] in vocabulary.ends(("▁<EOT>",))


TEXTS = ["{}", " {}", "x {}", "x\n{}", "x\n {} y", "{}{}", "▁{}", "▁▁{} {}", "☺{}", " {}>", "<{}", "{} "]


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compare.load(compare.whole(folder / compare.LLAMA, tmp_path_factory.mktemp("whole")))


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("joined", [False, True])
def test_code_llamas_markers_never_come_from_text(whole: Any, text: str, joined: bool) -> None:
    """Its real vocabulary has the pieces that SentencePiece makes them of."""
    for name in ("<PRE>", "<SUF>", "<MID>", "<EOT>"):
        written = text.format(name, name)
        found = whole.tokenize(Part(written, joined=joined))
        assert not set(found) & set(compare.CODE_LLAMA.values()), written
        spelled = b"".join(map(whole.pieces.of, found)).decode()
        assert spelled == " " * (not joined) + written.replace("▁", " ")
