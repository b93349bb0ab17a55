"""Eighty small documents on eight subjects: enough for topics in every split, small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SUBJECTS = {
    "bicycle": "bicycle wheel chain pedal brake saddle tyre pump gear spoke frame handlebar helmet valve",
    "garden": "garden soil tomato compost seed water spade flower hedge lawn shade harvest worm root",
    "kitchen": "kitchen bread oven flour butter knife onion soup pepper recipe boil roast pan spoon",
    "harbour": "harbour boat sail anchor tide wave captain rope mast island storm lighthouse deck fish",
    "school": "school teacher lesson pupil pencil book exam desk blackboard homework library grammar essay term",
    "forest": "forest tree fox deer mushroom moss path owl branch leaf hunter berry creek stone",
    "music": "music violin piano melody rhythm concert singer drum choir note guitar trumpet stage opera",
    "winter": "winter snow ice glove scarf sledge frost skate stove blanket candle chimney coat boots",
}
COMMON = [
    "old",
    "small",
    "strong",
    "careful",
    "morning",
    "evening",
    "friend",
    "neighbour",
    "village",
    "market",
    "story",
    "picture",
]


def write_corpus(path: Path, documents: int = 80, seed: int = 0) -> Path:
    """Write a JSONL file of documents; equal arguments give equal bytes."""
    rng = np.random.default_rng(seed)
    subjects = [words.split() for words in SUBJECTS.values()]
    lines = []
    for number in range(documents):
        words = subjects[number % len(subjects)]
        title = " ".join(rng.choice(words, 2, replace=False))
        sentences = [_sentence(words, rng) for _ in range(4)]
        lines.append(json.dumps({"_id": f"d{number:03d}", "title": title.title(), "text": " ".join(sentences)}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _sentence(words: list[str], rng: np.random.Generator) -> str:
    chosen = [*rng.choice(words, 6, replace=False), *rng.choice(COMMON, 3, replace=False)]
    rng.shuffle(chosen)
    return " ".join(chosen).capitalize() + "."
