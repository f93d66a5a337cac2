"""A transformers model at work: its keys and values, logits, and a cancel that works inside a call. Imports torch."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from codels.backends.copying import Copied
from codels.backends.hfplan import Plan
from codels.backends.hfvocab import Vocabulary
from codels.backends.logits import Logits, logprob, restrict
from codels.cancel import CancelToken
from codels.errors import Cancelled, ModelError
from codels.generation import SamplingParams


class Context:
    """A `kvcache.Memory` with a cache for each sequence. `arm` says who cancels what follows."""

    is_cuttable = True

    def __init__(self, model: Any, vocabulary: Vocabulary, plan: Plan) -> None:
        self._model = model
        self.vocabulary = vocabulary
        self.plan = plan
        self.n_ctx = plan.window
        self._cancel = CancelToken()
        self._caches: dict[int, Any] = {}
        self._logits: Logits = np.zeros((0, vocabulary.n), np.float32)
        takes = inspect.signature(model.forward).parameters
        self._takes_n_logits = "logits_to_keep" in takes
        self._cache_name = "cache" if "cache" in takes else "past_key_values"  # before transformers 5.24
        for module in model.modules():
            if getattr(getattr(module, "weight", None), "ndim", 0) == 2:  # a layer has seven of these, or so
                module.register_forward_pre_hook(self._stop_if_cancelled)

    def arm(self, cancel: CancelToken) -> None:
        self._cancel = cancel

    def decode(self, tokens: list[int], position: int, sequence: int, n_logits: int) -> bool:
        """`position` is where the cache of the sequence ends. False: cancelled between two matrices."""
        # Without a configuration all layers keep all tokens, those that look no further than a window as well.
        cache = self._caches.setdefault(sequence, DynamicCache())
        assert cache.get_seq_length() == position
        more = {self._cache_name: cache, **({"logits_to_keep": n_logits} if self._takes_n_logits else {})}
        try:
            found = self._run(self._model, tokens, use_cache=True, **more)
        except Cancelled:
            return False
        self._logits = found.logits[0, -n_logits:].float().cpu().numpy()
        return True

    def forget(self, n_kept: int, sequence: int) -> int:
        """A cancelled call leaves layers of different lengths; all are cut."""
        for layer in self._caches[sequence].layers if sequence in self._caches else ():
            # `crop` wants the number of tokens to remove, as a negative one (transformers 5).
            layer.crop(min(0, n_kept - int(layer.get_seq_length())))
        return n_kept

    def share(self, source: int, target: int, n_tokens: int) -> None:
        self._caches[target] = copy.deepcopy(self._caches[source])
        self.forget(n_tokens, target)

    def logits(self, index: int) -> Logits:
        row: Logits = self._logits[index]
        return row

    def vector(self, tokens: list[int]) -> Logits:
        """The mean of what the last layer says of each token. Raises `Cancelled`."""
        found = self._run(self._model.base_model, tokens, use_cache=False)
        row: Logits = found.last_hidden_state[0].float().mean(0).cpu().numpy()
        return row

    def close(self) -> None:
        self._caches.clear()
        self._model = None

    def _run(self, module: Any, tokens: list[int], **more: Any) -> Any:
        try:
            with torch.inference_mode():
                return module(input_ids=torch.tensor([tokens], device=self.plan.device), **more)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise ModelError(
                f"{self.plan.device_name} has no memory left to read {len(tokens)} tokens: close other programs, or "
                "set a smaller codels.context_window"
            ) from error

    def _stop_if_cancelled(self, *_call: object) -> None:
        if self._cancel.is_cancelled:
            raise Cancelled("stopped before a matrix")


class Sampler:
    """Chooses tokens from the logits evaluated last."""

    def __init__(self, context: Context, params: SamplingParams) -> None:
        self._context = context
        self._params = params
        self._random = np.random.default_rng(params.seed)

    def next(self, allowed: list[int], banned: tuple[int, ...], copied: Copied | None, /) -> tuple[int, float] | None:
        logits = self._context.logits(-1)
        log_sum = restrict(logits, allowed, banned, copied)
        token = self._drawn(logits) if self._params.temperature > 0 else int(logits.argmax())
        return token, logprob(logits, token, self._context.vocabulary.line_ends, log_sum)

    def _drawn(self, logits: Logits) -> int:
        """By chance out of the likeliest: `top_k` tokens, of those the fewest that have `top_p` together."""
        likeliest = np.argsort(-logits, kind="stable")[: self._params.top_k or None]
        rows = logits[likeliest].astype(np.float64)
        before = np.cumsum(_shares(rows)) - _shares(rows)
        kept = max(1, int((before < self._params.top_p).sum()))
        return int(self._random.choice(likeliest[:kept], p=_shares(rows[:kept] / self._params.temperature)))


def _shares(rows: Any) -> Any:
    weights = np.exp(rows - rows.max())
    return weights / weights.sum()
