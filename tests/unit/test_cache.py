"""Which answers still hold: for the same caret, and for one further on in what was said."""

import pytest
from helpers import site

from codels.cache import Cache, Hit
from codels.core import Completion
from codels.prompt.budget import MAX_CHARS

KEY = ("model", "settings")


def kept(text: str, *said: str) -> Cache:
    cache = Cache()
    cache.put(KEY, site(text), tuple(Completion(one, -0.5) for one in said))
    return cache


def rest(hit: Hit | None) -> list[str] | None:
    return [completion.text for completion in hit.completions] if hit else None


FAR = "# far away\n" * 1200
assert len(FAR) > 2 * MAX_CHARS

HITS = [
    # the caret that was answered, the answer, the caret now, what is left of the answer
    ("x = ‸", "foo()", "x = ‸", "foo()"),
    ("x = ‸", "foo()", "x = f‸", "oo()"),
    ("x = ‸", "foo()", "x = foo(‸", ")"),
    ("x = ‸\ny", "foo()", "x = fo‸\ny", "o()"),
    ("a\n    ‸\nb", "if x:\n        y", "a\n    if x:‸\nb", "\n        y"),
    ("a\n    ‸\nb", "if x:\n        y", "a\n    if x:\n‸\nb", "        y"),
    ("a\n    ‸\nb", "if x:\n        y", "a\n    if x:\n        ‸\nb", "y"),
    ("if x:‸", "\n    a\n\n    b", "if x:\n    a\n\n‸", "    b"),
    ("if x:‸\r\n", "\r\n    a\r\n    b", "if x:\r\n    a‸\r\n", "\r\n    b"),
    ("if x:‸\r\n", "\r\n    a\r\n    b", "if x:\r\n    a\r\n  ‸\r\n", "  b"),
    ("if x:‸\r", "\r    a\r    b", "if x:\r    a\r  ‸\r", "  b"),
    ("x = ‸", "'日😀'", "x = '日‸", "😀'"),
    (FAR + "x = ‸\n" + FAR, "foo()", FAR + "x = ‸\n" + FAR, "foo()"),
    (FAR + "x = ‸\n" + FAR, "foo()", FAR + "x = fo‸\n" + FAR, "o()"),
    # what stands further away than any model reads does not count
    ("a = 1\n" + FAR + "x = ‸", "foo()", "b = 2\n" + FAR + "x = ‸", "foo()"),
    ("x = ‸\n" + FAR + "a = 1", "foo()", "x = f‸\n" + FAR + "b = 2", "oo()"),
]


@pytest.mark.parametrize(("before", "said", "now", "left"), HITS)
def test_hit(before: str, said: str, now: str, left: str) -> None:
    hit = kept(before, said).get(KEY, site(now))
    assert rest(hit) == [left]
    assert hit is not None
    assert hit.origin == ("cache" if left == said else "typed-through")
    assert hit.completions[0].logprob == -0.5


MISSES = [
    ("x = ‸", "foo()", "x = g‸"),  # other text was typed
    ("x = ‸", "foo()", "x = fa‸"),
    ("x = ‸", "foo()", "x = foo()‸"),  # all of it was typed
    ("x = ‸", "foo()", "x = foo()  ‸"),
    ("x = ‸", "foo()", "x =‸"),  # something was erased
    ("x = ‸", "foo()", "x = ‸)"),  # an editor closed a bracket
    ("x = ‸", "foo()", "y = ‸"),
    ("x = ‸\ny", "foo()", "x = ‸\nz"),
    ("x = ‸", "foo()", "a\nx = ‸"),
    ("a\nx = ‸", "foo()", "x = ‸"),
    ("if x:‸", "\n    a", "if x:\n  \n‸"),
    ("if x:‸", "\n    a", "if x:\n    a\n‸"),
    ("if x:‸", "\n    a", "if x:\n    b‸"),
    ("if x:‸", "\n    a", "if y:\n   ‸"),
    ("if x:‸\r\n", "\r\n    a\r\n    b", "if x:\n    a‸\n"),
    (FAR + "a\nx = ‸", "foo()", FAR + "b\nx = ‸"),
    ("x = ‸\na\n" + FAR, "foo()", "x = ‸\nb\n" + FAR),
    ("a" * (MAX_CHARS - 1) + "‸", "foo()", "b" + "a" * (MAX_CHARS - 2) + "‸"),
    ("‸" + "a" * MAX_CHARS, "foo()", "‸" + "a" * (MAX_CHARS - 1)),
]


@pytest.mark.parametrize(("before", "said", "now"), MISSES)
def test_miss(before: str, said: str, now: str) -> None:
    assert kept(before, said).get(KEY, site(now)) is None


def test_another_model_or_other_settings_are_a_miss() -> None:
    cache = kept("x = ‸", "foo()")
    assert cache.get(("other", "settings"), site("x = ‸")) is None
    assert cache.get(("model", "other"), site("x = f‸")) is None


def test_another_document_is_a_miss() -> None:
    cache = kept("x = ‸", "foo()")
    assert cache.get(KEY, site("x = ‸", uri="file:///other.py")) is None
    assert cache.get(KEY, site("x = f‸", uri="file:///other.py")) is None


def test_another_version_with_the_same_text_is_a_hit() -> None:
    assert rest(kept("x = ‸", "foo()").get(KEY, site("x = ‸", version=9))) == ["foo()"]


SEVERAL = [
    ("x = ‸", ["foo()", "bar()", "baz()"]),
    ("x = f‸", ["oo()"]),
    ("x = ba‸", ["r()", "z()"]),
    ("x = baz‸", ["()"]),
    ("x = q‸", None),
]


@pytest.mark.parametrize(("now", "left"), SEVERAL)
def test_of_several_answers_those_stay_that_fit(now: str, left: list[str] | None) -> None:
    assert rest(kept("x = ‸", "foo()", "bar()", "baz()").get(KEY, site(now))) == left


def test_the_newest_answer_counts() -> None:
    cache = kept("x = ‸", "foo()")
    cache.put(KEY, site("x = ‸"), (Completion("bar()"),))
    assert rest(cache.get(KEY, site("x = ‸"))) == ["bar()"]
    assert rest(cache.get(KEY, site("x = f‸"))) == ["oo()"]


def test_what_was_typed_and_erased_is_a_hit_again() -> None:
    cache = kept("x = ‸", "foo()")
    cache.put(KEY, site("x = g‸"), (Completion("o()"),))
    assert rest(cache.get(KEY, site("x = ‸"))) == ["foo()"]


def test_old_answers_fall_out() -> None:
    cache = Cache(max_entries=3)
    for name in "abcd":
        cache.put(KEY, site(f"{name} = ‸"), (Completion(name),))
    assert [rest(cache.get(KEY, site(f"{name} = ‸"))) for name in "abcd"] == [None, ["b"], ["c"], ["d"]]
