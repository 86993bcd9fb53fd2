"""People's labels: which answers are worth a person's time, put to them blinded, kept one by one.

`sampling` draws the pairs (pure), `drawn` keeps the draw beside the store's audits, `items` says what a
person sees, `labels` keeps what they say, `exchange` carries items out and labels back, `progress` counts and
compares. `reviewed_pairs` is what an audit that is judged again takes as correction.
"""

from modelassay.review.drawn import Draw, draw_of
from modelassay.review.items import Item, items_of
from modelassay.review.labels import Label, LabelBook
from modelassay.review.pairs import reviewed_pairs, sealed_pairs

__all__ = ["Draw", "Item", "Label", "LabelBook", "draw_of", "items_of", "reviewed_pairs", "sealed_pairs"]
