"""Model cards and the files that belong to them: errors name the file, the field and the remedy."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from codels.core import Skill
from codels.endpoint import Endpoint, Kind
from codels.errors import ModelError, UserError
from codels.prompt import Order
from codels.prompt.families import FAMILIES
from codels.registry import store
from codels.registry.card import AdapterFile, ModelCard, ModelFile, parse
from codels.registry.memory import BITS_PER_WEIGHT

SERVED = 'id = "m"\nbackend = "remote"\nfamily = "plain"\n'
REMOTE = '[remote]\nurl = "http://127.0.0.1:8000/v1/"\n'
HEAD = 'id = "m"\nbackend = "llama.cpp"\n'
FILE = '[[files]]\npath = "m.gguf"\n'
PART = '[[files]]\npath = "m-0000{}-of-00003.gguf"\n'


def test_the_least_card() -> None:
    assert parse(HEAD + FILE, "m.toml") == ModelCard("m", "llama.cpp", (ModelFile("m.gguf"),))


ADAPTER = '[[adapters]]\npath = "a.gguf"\n'


def test_a_card_with_adapters() -> None:
    pulled = (
        f'[[adapters]]\npath = "b.gguf"\nsize = 7\nsha256 = "{"0a" * 32}"\nrepo = "o/b"\nrevision = "abc"\nscale = 2\n'
    )
    card = parse(HEAD + FILE + ADAPTER + pulled, "m.toml")
    assert card.adapters == (AdapterFile("a.gguf"), AdapterFile("b.gguf", 7, "0a" * 32, "o/b", "abc", scale=2))
    assert card.needed("") == card.all_files == (*card.files, *card.adapters)


def test_a_full_card() -> None:
    head = (
        'title = "T"\nfamily = "starcoder2"\norder = "spm"\nskills = ["fim", "embed"]\nlanguages = ["c", "go"]\n'
        'context_window = 16384\nlicense = "MIT"\nbeams = 4\n'
    )
    facts = (
        'license_note = "N"\nrepo = "o/m"\nsources = ["a", "b"]\n'
        "parameters = 7\nlayers = 2\nkv_heads = 3\nhead_dim = 4\n"
    )
    file = f'size = 7\nsha256 = "{"0a" * 32}"\nrepo = "o/m-GGUF"\nrevision = "abc"\nquantisation = "Q8_0"\n'
    card = parse(HEAD + head + facts + FILE + file + '[[files]]\npath = "n.gguf"\n', "m.toml")
    assert (card.family, card.order, card.context_window, card.beams) == ("starcoder2", Order.SPM, 16384, 4)
    assert (card.skills, card.languages) == ({Skill.FIM, Skill.EMBED}, {"c", "go"})
    assert (card.license_note, card.repo, card.sources) == ("N", "o/m", ("a", "b"))
    assert (card.parameters, card.layers, card.kv_heads, card.head_dim) == (7, 2, 3, 4)
    assert card.files == (ModelFile("m.gguf", 7, "0a" * 32, "o/m-GGUF", "abc", "Q8_0"), ModelFile("n.gguf"))


BROKEN = [
    # the card, what the error says besides the card's name
    ("id = ]", "line 1"),
    ("\nid = m\n", "line 2"),
    ("", "id is missing; it must be a name of letters, digits and . _ + -"),
    ('id = "m"\n' + FILE, "backend is missing"),
    (HEAD, "files is missing; it must be one [[files]] table at least"),
    (HEAD + FILE + REMOTE, "a [remote] table is for the back end remote, not for 'llama.cpp'"),
    (SERVED, "remote is missing; it must be a [remote] table"),
    (SERVED + "remote = 'sk-1'\n", "remote must be a [remote] table"),
    (SERVED + FILE + REMOTE, "a model with a [remote] table has no files of its own"),
    ('id = "m"\nbackend = "remote"\n' + REMOTE, "family is missing: of a model with a [remote] table it must be named"),
    (
        SERVED + "[remote]\nmodel = 'x'\n",
        "remote.url is missing; it must be an address such as http://127.0.0.1:8000/v1",
    ),
    (SERVED + "[remote]\nurl = 'ftp://h/'\n", "remote.url must be an address"),
    (SERVED + "[remote]\nurl = 'http://me:sk-1@h/'\n", "remote.url must be an address"),
    (SERVED + "[remote]\nurl = 'http://h/?key=sk-1'\n", "without a user, password or query"),
    (SERVED + "[remote]\nurl = 'http://h:99999/'\n", "remote.url must be an address"),
    (SERVED + "[remote]\nurl = 'http://'\n", "remote.url must be an address"),
    (SERVED + REMOTE + "kind = 'sk-1'\n", "remote.kind must be one of openai, llama-server"),
    (SERVED + REMOTE + "model = 1\n", "remote.model must be the name that the server knows the model by"),
    (SERVED + REMOTE + "key_env = 'sk-1'\n", "remote.key_env must be the name of an environment variable, in capitals"),
    (SERVED + REMOTE + "key_env = 'sk_1'\n", "and not the key"),
    (SERVED + REMOTE + "sk-1 = ''\n", "remote: 1 unknown fields; known are url, model, kind, key_env"),
    (HEAD + "files = []\n", "files must be one [[files]] table at least, not []"),
    (HEAD + 'files = ["m.gguf"]\n', "files must be one [[files]] table at least"),
    (HEAD + "[files]\npath = 'm'\n", "files must be one [[files]] table at least"),
    (HEAD + "[[files]]\nsize = 1\n", "file 1: path is missing"),
    (HEAD + FILE + "[[files]]\npath = ''\n", "file 2: path must be a text that is not empty, not ''"),
    (
        HEAD + FILE + "sha = '0'\n",
        "file 1: unknown fields sha; known are path, size, sha256, repo, revision, quantisation",
    ),
    (HEAD + FILE + "size = '7'\n", "file 1: size must be a whole number, 0 or more, not '7'"),
    (HEAD + FILE + "size = -7\n", "file 1: size must be"),
    (HEAD + FILE + "sha256 = 'xyz'\n", "file 1: sha256 must be 64 hex digits, not 'xyz'"),
    (HEAD + FILE + "repo = 5\n", 'file 1: repo must be a repository of the hub such as "owner/name", not 5'),
    (HEAD + FILE + "repo = 'https://example.org/o/m'\n", "file 1: repo must be a repository"),
    (HEAD + FILE + "repo = '../m'\n", "file 1: repo must be a repository"),
    (HEAD + FILE + "revision = 'a b'\n", "file 1: revision must be a commit, or a branch or tag, not 'a b'"),
    (HEAD + FILE + "quantisation = 'a:b'\n", "file 1: quantisation must be a name such as Q4_K_M, not 'a:b'"),
    (
        HEAD + "[[files]]\nrepo = 'o/m'\npath = '/m.gguf'\n",
        "file 1: path must lie inside the repository, not '/m.gguf'",
    ),
    (HEAD + "[[files]]\nrepo = 'o/m'\npath = 'a/../../m'\n", "file 1: path must lie inside the repository"),
    (HEAD + "[[files]]\nrepo = 'o/m'\npath = 'a\\m'\n", "file 1: path must lie inside the repository"),
    (HEAD + FILE + FILE, "two files have the same path"),
    (HEAD + FILE + "[[adapters]]\npath = 'm.gguf'\n", "two files have the same path"),
    (HEAD + "probe = 0\n" + FILE, "probe must be true or false, not 0"),
    (HEAD + FILE + "[adapters]\npath = 'a'\n", "adapters must be [[adapters]] tables, or none"),
    (HEAD + FILE + "[[adapters]]\nscale = 1\n", "adapter 1: path is missing"),
    (HEAD + FILE + ADAPTER + "scale = '1'\n", "adapter 1: scale must be a number other than 0, not '1'"),
    (HEAD + FILE + ADAPTER + "scale = 0\n", "adapter 1: scale must be"),
    (HEAD + FILE + ADAPTER + "scale = nan\n", "adapter 1: scale must be"),
    (HEAD + FILE + ADAPTER + "quantisation = 'Q8_0'\n", "adapter 1: unknown fields quantisation; known are path"),
    (HEAD + FILE + "[[adapters]]\nrepo = 'o/a'\npath = '../a'\n", "adapter 1: path must lie inside the repository"),
    (HEAD + PART.format(1) + PART.format(2), "all parts must be named: m-00003-of-00003.gguf is missing"),
    (HEAD + PART.format(2) + PART.format(1) + PART.format(3), "m-00001-of-00003.gguf must come first"),
    ("id = 5\nbackend = 'fake'\n" + FILE, "id must be a name of letters, digits and . _ + -, not 5"),
    ("id = ''\nbackend = 'fake'\n" + FILE, "id must be a name of letters, digits and . _ + -, not ''"),
    ("id = '../m'\nbackend = 'fake'\n" + FILE, "id must be a name of letters"),
    ("id = 'm:q'\nbackend = 'fake'\n" + FILE, "id must be a name of letters"),
    (HEAD + "repo = 'm'\n" + FILE, "repo must be a repository of the hub"),
    (HEAD + "sources = 'a book'\n" + FILE, "sources must be a list of texts"),
    (HEAD + "license_note = 5\n" + FILE, "license_note must be a text"),
    (HEAD + "parameters = '7B'\n" + FILE, "parameters must be a whole number, 0 or more, not '7B'"),
    (HEAD + "layers = 2.5\n" + FILE, "layers must be a whole number"),
    (HEAD + "kv_heads = -1\n" + FILE, "kv_heads must be a whole number"),
    (HEAD + "head_dim = true\n" + FILE, "head_dim must be a whole number"),
    (HEAD + "famly = 'starcoder'\n" + FILE, "unknown fields famly; known are id, backend, files, title, family"),
    (HEAD + "family = 'starkoder'\n" + FILE, "family must be one of plain, codels, codellama"),
    (HEAD + "family = ['starcoder']\n" + FILE, "family must be one of"),
    (HEAD + "order = 'msp'\n" + FILE, "order must be one of psm, spm, not 'msp'"),
    (HEAD + "family = 'refact'\n" + FILE, "family refact has no psm order"),
    (HEAD + "family = 'qwen2.5-coder'\norder = 'spm'\n" + FILE, "family qwen2.5-coder has no spm order"),
    (HEAD + "skills = ['fin']\n" + FILE, "skills must be a list out of fim, prefix, instruct, seq2seq, embed"),
    (HEAD + "skills = 'fim'\n" + FILE, "skills must be a list"),
    (HEAD + "languages = 'python'\n" + FILE, 'languages must be a list of language ids such as ["python"]'),
    (HEAD + "languages = [1]\n" + FILE, "languages must be a list"),
    (HEAD + "context_window = '512'\n" + FILE, "context_window must be a whole number, 0 or more, not '512'"),
    (HEAD + "context_window = true\n" + FILE, "context_window must be a whole number"),
    (
        HEAD + "copy_weights = [[0.1, 0.2, 0.3]]\n" + FILE,
        "copy_weights must be 8 rows of 3 numbers from 0 to 1, or none",
    ),
    (HEAD + f"copy_weights = {[[0.1, 0.2]] * 8}\n" + FILE, "copy_weights must be 8 rows of 3"),
    (HEAD + f"copy_weights = {[[0.1, 0.2, 1.2]] * 8}\n" + FILE, "copy_weights must be 8 rows of 3"),
    (HEAD + "beams = 0\n" + FILE, "beams must be a whole number from 1 to 8, not 0"),
    (HEAD + "beams = 9\n" + FILE, "beams must be a whole number from 1 to 8, not 9"),
    (HEAD + "beams = 'many'\n" + FILE, "beams must be a whole number from 1 to 8, not 'many'"),
    (HEAD + "license = ['MIT']\n" + FILE, "license must be a text"),
]


@pytest.mark.parametrize(("text", "says"), BROKEN)
def test_a_broken_card_is_named_with_its_field(text: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        parse(text, "m.toml")
    assert str(error.value).startswith("the model card m.toml is not valid: ")
    assert says in str(error.value)
    assert "sk-1" not in str(error.value), "somebody's key is not shown"


def test_a_card_of_a_model_that_is_served_elsewhere() -> None:
    card = parse(SERVED + REMOTE + 'model = "x"\nkind = "llama-server"\nkey_env = "KEY"\n', "m.toml")
    assert card.remote == Endpoint("http://127.0.0.1:8000/v1", "x", Kind.LLAMA_SERVER, "KEY")
    assert parse(SERVED + REMOTE, "m.toml").remote == Endpoint("http://127.0.0.1:8000/v1")
    assert (card.files, card.quantisations, store.files(card), store.is_built_in(card)) == ((), ("",), {}, False)
    with pytest.raises(ModelError, match="no file here: it is served at http"):
        store.locate(card)


def test_a_model_in_parts_is_found_by_any_of_them(tmp_path: Path) -> None:
    paths = [tmp_path / f"m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    for path in paths:
        path.write_bytes(b"GGUF")
    card = store.find(str(paths[1]))
    assert [file.path for file in card.files] == list(map(str, paths))
    assert store.locate(card) == paths[0]
    paths[2].unlink()
    with pytest.raises(ModelError, match=r"m-00003-of-00003.gguf.* does not exist"):
        store.locate(card)


BUILT_IN = [card for card in store.package_cards().values() if not card.files[0].repo]
ON_THE_HUB = [card for card in store.package_cards().values() if card.files[0].repo]

FREE_LICENSES = {"MIT", "Apache-2.0", "BSD-3-Clause"}

ENDINGS = {"llama.cpp": (".gguf",), "transformers": (".bin", ".json", ".txt", ".py")}


@pytest.mark.parametrize("card", BUILT_IN, ids=lambda card: card.id)
def test_a_card_in_the_package_matches_its_file(card: ModelCard) -> None:
    path = store.locate(card)
    assert path.stat().st_size == card.files[0].size
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card.files[0].sha256
    assert store.verify(card)


@pytest.mark.parametrize("card", store.package_cards().values(), ids=store.package_cards())
def test_a_card_in_the_package_says_how_it_is_prompted_and_may_be_used(card: ModelCard) -> None:
    assert card.family in FAMILIES
    assert card.license
    assert store.find(card.id) is card


@pytest.mark.parametrize("card", ON_THE_HUB, ids=lambda card: card.id)
def test_a_card_of_the_hub_says_where_its_files_are_and_what_each_is(card: ModelCard) -> None:
    assert card.repo
    assert card.sources
    for file in card.files:
        assert file.repo
        assert file.path.endswith(ENDINGS[card.backend])
        assert file.quantisation in BITS_PER_WEIGHT
    if card.backend == "llama.cpp":
        assert len(card.quantisations) == len(card.files)
        assert all(file.quantisation.lower() in file.path.lower() for file in card.files)
    else:
        assert len(card.quantisations) == 1
        assert card.files[0].path.endswith(".bin")


@pytest.mark.parametrize("card", ON_THE_HUB, ids=lambda card: card.id)
def test_a_card_of_the_hub_promises_only_what_its_template_can_do(card: ModelCard) -> None:
    family = FAMILIES[card.family]
    assert family.template(card.order)
    assert (Skill.FIM in card.skills) == (family.name != "plain")
    assert card.skills
    assert card.license in FREE_LICENSES or card.license_note, "a licence that restricts use is explained"


def test_cards_know_each_other_apart() -> None:
    cards = sorted((store._CARDS).glob("*.toml"))
    assert len(store.package_cards()) == len(cards)
    assert "codels-tiny" in store.package_cards()


def test_a_path_is_a_model_without_a_card(tmp_path: Path) -> None:
    path = tmp_path / "Some Model.gguf"
    path.write_bytes(b"GGUF")
    card = store.find(str(path))
    assert (card.id, card.backend, card.family, card.languages) == ("Some Model.gguf", "llama.cpp", "", frozenset())
    assert store.locate(card) == path


def test_a_name_is_looked_up_in_the_models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "models_folder", lambda: tmp_path)
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert store.locate(store.find("m.gguf")) == tmp_path / "m.gguf"


UNKNOWN = ["codels-huge", "codels-huge:Q8_0", "C:/m.bin", "", "model.bin", "/nowhere/model.safetensors", "x/../y"]


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_model_is_named_with_the_remedy(name: str) -> None:
    with pytest.raises(UserError) as error:
        store.find(name)
    assert str(error.value) == (
        f"there is no model {name!r}; `codels models list` shows those that there are, or name the path of a .gguf "
        "file, or of a folder with config.json and safetensors"
    )


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        store.locate(store.find(str(tmp_path / "gone.gguf")))
    assert str(error.value) == (
        f"the model file {tmp_path / 'gone.gguf'} does not exist; name another one in codels.model"
    )


@pytest.mark.parametrize("size", [0, 3, 5])
def test_a_file_of_another_size_is_named_with_the_remedy(tmp_path: Path, size: int) -> None:
    (tmp_path / "m.gguf").write_bytes(b"x" * size)
    card = ModelCard("m", "llama.cpp", (ModelFile(str(tmp_path / "m.gguf"), size=4),))
    with pytest.raises(ModelError) as error:
        store.locate(card)
    assert f"has {size} bytes where its card says 4" in str(error.value)
    assert "fetch the file again, or correct its card" in str(error.value)


def test_a_changed_file_is_not_verified(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"good")
    card = ModelCard("m", "llama.cpp", (ModelFile(str(path), 4, hashlib.sha256(b"good").hexdigest()),))
    assert store.verify(card)
    path.write_bytes(b"evil")
    assert not store.verify(dataclasses.replace(card))
