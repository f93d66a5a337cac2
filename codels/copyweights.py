"""How much decoding copies (`backends/copying.py`): the shape of the table in a model's card."""

CopyWeights = tuple[tuple[float, ...], ...]
"""The share that is copied: a row for each bucket of match lengths, a column for one, two, more places."""

BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16)
"""The longest match that falls into each row, in tokens; longer ones fall into the last."""

N_COLUMNS = 3
