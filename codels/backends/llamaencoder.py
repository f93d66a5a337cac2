"""Encoder–decoder models (T5, CodeT5+): the encoder reads the prompt, the decoder writes the answer.

llama.cpp takes either vocabulary of a T5: SentencePiece's unigrams (tokenizer model `t5`), and byte-level BPE as
CodeT5+ has it (`gpt2`; llama.cpp's own converter makes no such file). The former has no line ends and one blank for
many; what it cannot spell is not healed, but shown to the encoder. Imports the library.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import llama_cpp as llama

from codels.backends import LoadSpec, Score, llamabatch
from codels.backends.deadline import Deadline
from codels.backends.kvcache import KvCache
from codels.backends.llamacpp import LlamaCpp
from codels.backends.llamaload import Loaded
from codels.backends.llamatext import Pieces
from codels.cancel import CancelToken
from codels.errors import ModelError, PromptTooLong
from codels.generation import Part, Prompt, SamplingParams, Step

_START = Part("", special=True, joined=True)
"""Stands for the token that every answer of the decoder begins with."""


class EncoderDecoder(LlamaCpp):
    """`_encoded` are the tokens whose encoding the context holds. The cache is the decoder's: one sequence, as there is
    one encoding.
    """

    def __init__(self, spec: LoadSpec, loaded: Loaded) -> None:
        super().__init__(spec, loaded)
        self._cache = KvCache(self._context, 1, self._context.n_cells)
        self._encoded: list[int] = []
        model, _context = self._context.native
        start = llama.llama_model_decoder_start_token(model)
        self._start = [start] if start >= 0 else self._vocabulary.start

    def tokenize(self, part: Part) -> list[int]:
        return self._start if part is _START else super().tokenize(part)

    def generate(self, prompt: Prompt, params: SamplingParams, cancel: CancelToken) -> Iterator[Step]:
        clock = Deadline(0)
        prompt = spellable(prompt, self._vocabulary.pieces)
        tokens = self._of_encoder(prompt)
        n_encoded = len(self._encoded) if tokens == self._encoded else 0
        self._encode(tokens, cancel)
        spent_ms = clock.ms()
        if params.max_ms:
            params = replace(params, max_ms=max(1, params.max_ms - round(spent_ms)))
        for step in super().generate(_of_decoder(prompt), params, cancel):
            stats = step.stats
            yield replace(
                step,
                stats=replace(
                    stats,
                    n_prompt=stats.n_prompt + len(tokens),
                    n_reused=stats.n_reused + n_encoded,
                    prefill_ms=stats.prefill_ms + spent_ms,
                ),
            )

    def score(self, prompt: Prompt, text: str, cancel: CancelToken) -> Score:
        prompt = spellable(prompt, self._vocabulary.pieces)
        self._encode(self._of_encoder(prompt), cancel)
        return super().score(_of_decoder(prompt), text, cancel)

    def _of_encoder(self, prompt: Prompt) -> list[int]:
        return self._vocabulary.enclosed([token for part in prompt.parts for token in self.tokenize(part)])

    def _encode(self, tokens: list[int], cancel: CancelToken) -> None:
        """Nothing where it is cancelled: the decoder, which is asked next, sees that too."""
        if len(tokens) > self._context.n_ctx:
            raise PromptTooLong(len(tokens), self._context.n_ctx)
        if tokens == self._encoded or cancel.is_cancelled:
            return
        self._encoded = []
        self._cache.keep(0)
        self._context.arm(cancel)
        _model, context = self._context.native
        # For the decoder in all sequences: beams are some.
        answer = llamabatch.encode(context, tokens, range(llama.llama_n_seq_max(context)))
        if answer < 0:
            raise ModelError(f"llama.cpp failed to encode {len(tokens)} tokens (it answered {answer})")
        if answer == 0:
            self._encoded = tokens


def spellable(prompt: Prompt, pieces: Pieces) -> Prompt:
    """The prompt; where decoding cannot spell `heal`, the encoder is shown it, before the marker of what is missing."""
    heal = prompt.heal
    if not heal or pieces.can_spell(heal.encode("utf-8", "replace")):
        return prompt
    places = (at for at, part in enumerate(prompt.parts) if part.special and part.text == prompt.opening)
    at = next(places, len(prompt.parts)) if prompt.opening else len(prompt.parts)
    before, after = prompt.parts[:at], prompt.parts[at:]
    if before and not before[-1].special:
        before = (*before[:-1], replace(before[-1], text=before[-1].text + heal))
    else:
        before = (*before, Part(heal))
    return replace(prompt, parts=(*before, *after), heal="")


def _of_decoder(prompt: Prompt) -> Prompt:
    opening = (Part(prompt.opening, special=True),) if prompt.opening else ()
    return replace(prompt, parts=(_START, *opening))
