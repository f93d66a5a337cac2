"""What names of files and of repositories mean."""

from __future__ import annotations

import pytest

from codels import splits
from codels.errors import UserError
from codels.registry import gguf_names, source
from codels.registry.card import ModelFile
from codels.registry.source import Source

QUANTISATIONS = [
    ("codellama-7b.Q4_K_M.gguf", "Q4_K_M"),
    ("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
    ("starcoder2-3b_Q8_0.gguf", "Q8_0"),
    ("deepseek-coder-6.7b-base-q8_0.gguf", "Q8_0"),
    ("m-IQ3_XXS.gguf", "IQ3_XXS"),
    ("m-UD-Q4_K_XL.gguf", "Q4_K_XL"),
    ("m-bf16.gguf", "BF16"),
    ("m.fp16.gguf", "F16"),
    ("m-F32.gguf", "F32"),
    ("m-mxfp4.gguf", "MXFP4"),
    ("Q6_K/m-00001-of-00002.gguf", "Q6_K"),
    ("q8-trained/m-Q4_0.gguf", "Q4_0"),
    ("model.gguf", ""),
    ("qwen3-q8b.gguf", ""),
]


@pytest.mark.parametrize(("path", "quantisation"), QUANTISATIONS)
def test_a_quantisation_is_read_off_the_name(path: str, quantisation: str) -> None:
    assert gguf_names.quantisation(path) == quantisation


PARTS = [
    ("m.gguf", ["m.gguf"]),
    ("m-00002-of-00002.gguf", ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]),
    ("Q8_0/m-00001-of-00001.gguf", ["Q8_0/m-00001-of-00001.gguf"]),
    ("m-1-of-2.gguf", ["m-1-of-2.gguf"]),
]


@pytest.mark.parametrize(("path", "paths"), PARTS)
def test_parts_name_each_other(path: str, paths: list[str]) -> None:
    assert list(splits.parts(path)) == paths


CHOICES = [
    # the files, and the choices with how many files each has
    (["m.Q4_0.gguf", "README.md", "m.Q8_0.gguf"], {"Q4_0": 1, "Q8_0": 1}),
    (["a.Q4_0.gguf", "b.Q4_0.gguf", "b.Q8_0.gguf"], {"a.Q4_0": 1, "b.Q4_0": 1, "Q8_0": 1}),
    (["model.gguf"], {"model": 1}),
    (["mmproj-F16.gguf", "imatrix.gguf", "m-F16.gguf"], {"F16": 1}),
    (["m-F16-00002-of-00002.gguf", "m-F16-00001-of-00002.gguf"], {"F16": 2}),
    (["strange name (1).gguf"], {"strange-name--1-": 1}),
    (["config.json"], {}),
]


@pytest.mark.parametrize(("paths", "choices"), CHOICES)
def test_choices_of_a_repository(paths: list[str], choices: dict[str, int]) -> None:
    found = gguf_names.choices([ModelFile(path, repo="o/m") for path in paths])
    assert {name: len(files) for name, files in found.items()} == choices
    assert all(file.quantisation == name for name, files in found.items() for file in files)


@pytest.mark.parametrize("wanted", ["Q8_0", "q8_0", "m.Q8_0.gguf"])
def test_a_choice_is_made_by_quantisation_or_file(wanted: str) -> None:
    files = [ModelFile(path, repo="o/m") for path in ("m.Q4_0.gguf", "m.Q8_0.gguf")]
    (chosen,) = gguf_names.choose(files, wanted, "o/m")
    assert chosen.path == "m.Q8_0.gguf"


def test_a_choice_that_is_not_there_lists_those_that_are() -> None:
    files = [ModelFile("m.Q4_0.gguf", 2_000_000, repo="o/m")]
    with pytest.raises(UserError) as error:
        gguf_names.choose(files, "Q5_0", "o/m")
    assert str(error.value) == ("o/m has no 'Q5_0'; there are: Q4_0 (2.0 MB); choose one: `codels models add o/m:Q4_0`")


SOURCES = [
    ("owner/name", Source("owner/name")),
    ("owner/name:Q4_K_M", Source("owner/name", choice="Q4_K_M")),
    ("Qwen/Qwen2.5-Coder-0.5B-GGUF:q8_0", Source("Qwen/Qwen2.5-Coder-0.5B-GGUF", choice="q8_0")),
    ("https://huggingface.co/owner/name", Source("owner/name")),
    ("https://huggingface.co/owner/name/", Source("owner/name")),
    ("huggingface.co/owner/name", Source("owner/name")),
    ("hf.co/owner/name:Q4_K_M", Source("owner/name", choice="Q4_K_M")),
    ("https://huggingface.co/owner/name/tree/v1", Source("owner/name", "v1")),
    ("https://huggingface.co/owner/name/blob/main/sub/m%20x.gguf", Source("owner/name", "main", "sub/m x.gguf")),
    ("https://hf-mirror.example/owner/name/resolve/main/m.gguf?download=true", Source("owner/name", "main", "m.gguf")),
    ("https://huggingface.co/", None),
    ("https://huggingface.co/owner", None),
    ("name", None),
    ("a/b/c", None),
    ("models/m.gguf", None),
    ("../m", None),
    ("C:/models/m.gguf", None),
    ("owner/name:", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "found"), SOURCES)
def test_what_is_to_be_added(text: str, found: Source | None) -> None:
    assert source.parse(text) == found
