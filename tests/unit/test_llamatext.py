"""Bytes, tokens and text of a decode loop, on a vocabulary made up for these rows."""

import random

import pytest

from codels.backends.llamatext import Pieces, Spelling, TextStream, common_prefix

WORDS = [
    "some",
    "_t",
    "a",
    "_table",
    "_ta",
    "ble",
    " re",
    "turn",
    " return",
    "    ",
    "\n    ",
    "é",
    "日",
    ".",
    ".x",
    "()",
]
ALL = Pieces([b"", *(bytes([n]) for n in range(256)), *(word.encode() for word in WORDS), b"\xc3", b"_ta"])
FEW = Pieces([b"", b"_", b"_t", b"a", b"_table", b"_ta", b"b", b"_ta"])


def test_markers_have_no_bytes_and_cannot_be_spelled() -> None:
    assert FEW.of(0) == b""
    assert 0 not in FEW.spelling(b"_ta")


SPELLINGS = [
    # what is to be spelled, the tokens that may come first
    (b"_ta", [b"_", b"_t", b"_ta", b"_ta", b"_table"]),
    (b"_", [b"_", b"_t", b"_ta", b"_ta", b"_table"]),
    (b"_tab", [b"_", b"_t", b"_ta", b"_ta", b"_table"]),
    (b"_tables", [b"_", b"_t", b"_ta", b"_ta", b"_table"]),
    (b"a", [b"a"]),
    (b"x", []),
]


@pytest.mark.parametrize(("rest", "expected"), SPELLINGS)
def test_spelling(rest: bytes, expected: list[bytes]) -> None:
    tokens = FEW.spelling(rest)
    assert sorted(FEW.of(token) for token in tokens) == expected
    assert len(set(tokens)) == len(tokens)


STEPS = [
    # what is to be spelled, the tokens said, what each of them brings that is new
    (b"_ta", [b"_table", b"s"], [b"ble", b"s"]),
    (b"_ta", [b"_t", b"a", b"()"], [b"", b"", b"()"]),
    (b"_ta", [b"_", b"table"], [b"", b"ble"]),
    (b"\xc3\xa9", [b"\xc3", b"\xa9x"], [b"", b"x"]),
    (b"\xc3", [b"\xc3\xa9"], [b"\xa9"]),
    (b"", [b"x"], [b"x"]),
    (b"\n", [b"\n", b"\n\n", b"x\n", b"\n"], [b"", b"", b"x\n", b"\n"]),  # blank lines before the first words
    (b")\n", [b")\n\n\n", b"  x"], [b"", b"  x"]),
    (b"\r\n", [b"\r\n\r\n", b"x"], [b"", b"x"]),
    (b" ", [b" ", b"\n"], [b"", b"\n"]),  # but the end of a line that has begun
]


@pytest.mark.parametrize(("rest", "said", "new"), STEPS)
def test_only_what_is_new_is_text(rest: bytes, said: list[bytes], new: list[bytes]) -> None:
    spelling, heard = Spelling.of(rest), []
    for piece in said:
        spelling, text = spelling.spell(piece)
        heard.append(text)
    assert heard == new
    assert spelling.is_done
    assert spelling.allowed(ALL) == []


def test_any_start_can_be_spelled_where_all_bytes_are_tokens() -> None:
    rng = random.Random(9)
    for _ in range(1000):
        heal = "".join(rng.choices([*"some_table \n.()", "é", "日", "😀", "    "], k=rng.randrange(1, 9))).encode()
        spelling, said, new = Spelling.of(heal), b"", b""
        while not spelling.is_done:
            allowed = spelling.allowed(ALL)
            assert allowed, (heal, said)
            piece = ALL.of(rng.choice(allowed))
            said += piece
            spelling, text = spelling.spell(piece)
            new += text
        assert said[len(heal) :].lstrip(b"\n") == new.lstrip(b"\n")
        assert said.startswith(heal)


STREAMS = [
    # stop strings, the bytes said one after the other, what comes out after each, what is left at the end
    ((), [b"ab", b"c"], ["ab", "c"], ""),
    ((), ["é".encode()[:1], "é".encode()[1:]], ["", "é"], ""),
    ((), ["😀".encode()[:3], "😀x".encode()[3:]], ["", "😀x"], ""),
    ((), [b"a", "日".encode()[:2]], ["a", ""], ""),  # an unfinished character is nothing, not U+FFFD
    ((), [b"a\xff", b"b"], ["a\ufffd", "b"], ""),
    (("\n\n",), [b"a\n", b"b"], ["a", "\nb"], ""),
    (("\n\n",), [b"a\n", b"\nb"], ["a", ""], ""),
    (("\n\n",), [b"a\n\nb"], ["a"], ""),
    (("\n\n",), [b"a\n"], ["a"], "\n"),
    (("abc",), [b"xab", b"abc"], ["x", "ab"], ""),
    (("abc",), [b"aab", b"ab", b"c"], ["a", "ab", ""], ""),
    (("é!",), ["é".encode()[:1], "é".encode()[1:], b"!"], ["", "", ""], ""),
    (("STOP", "\n"), [b"a STO", b"\n", b"x"], ["a ", "STO", ""], ""),
    (("STOP", "\n"), [b"a STOP b\n"], ["a "], ""),
]


@pytest.mark.parametrize(("stops", "said", "texts", "rest"), STREAMS)
def test_stream(stops: tuple[str, ...], said: list[bytes], texts: list[str], rest: str) -> None:
    stream = TextStream(stops)
    heard = [stream.feed(data) for data in said if not stream.is_stopped]
    assert heard == texts[: len(heard)]
    assert not any(texts[len(heard) :])
    whole = b"".join(said).decode("utf-8", "ignore")
    assert stream.is_stopped == any(stop in whole for stop in stops)
    assert stream.finish() == rest


def test_pieces_do_not_matter() -> None:
    """However a text is cut into bytes, what comes out is its part before the first stop string."""
    rng = random.Random(10)
    for _ in range(2000):
        text = "".join(rng.choices([*"abc\n", "é", "日", "😀"], k=rng.randrange(20)))
        stops = rng.choice([(), ("\n\n",), ("abc", "\n"), ("aa", "cb"), ("é日", "b\n"), ("😀",)])
        data, stream, heard = text.encode(), TextStream(stops), ""
        while data and not stream.is_stopped:
            n = rng.randrange(1, 5)
            heard += stream.feed(data[:n])
            data = data[n:]
        expected = text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))]
        assert heard + stream.finish() == expected


@pytest.mark.parametrize(
    ("a", "b", "n"),
    [([], [], 0), ([1], [], 0), ([1, 2], [1, 2], 2), ([1, 2], [1, 2, 3], 2), ([1, 2, 9], [1, 2, 3], 2), ([1], [2], 0)],
)
def test_common_prefix(a: list[int], b: list[int], n: int) -> None:
    assert common_prefix(a, b) == common_prefix(b, a) == n
