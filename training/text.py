"""Makes word-level tokenizers from training texts. The ids 0 and 1 are padding and unknown words in every one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

PAD, UNKNOWN = "[PAD]", "[UNK]"


def word_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """Lower-cased words and punctuation marks, the most frequent `size` - 2 of them; ties go by the alphabet."""
    empty = tokenizer_of([])
    counts: Counter[str] = Counter()
    for text in texts:
        normal = empty.normalizer.normalize_str(text)
        counts.update(word for word, _ in empty.pre_tokenizer.pre_tokenize_str(normal))
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    return tokenizer_of(frequent[: size - 2])


def tokenizer_of(words: Iterable[str]) -> Tokenizer:
    """The tokenizer with exactly these words, from id 2 on."""
    vocabulary = {word: number for number, word in enumerate([PAD, UNKNOWN, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer
