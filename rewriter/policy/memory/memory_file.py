"""The memory of a model folder: one file beside the weights of the T5."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from untilclick.rewriter.policy.memory.document_memory import DocumentMemory, MemorySettings
from untilclick.rewriter.policy.memory.document_terms import DocumentTerms

MEMORY_FILE = "memory.safetensors"
_VECTORS, _MEANING = "vectors", "meaning"


def save_memory(memory: DocumentMemory, path: Path) -> None:
    """Write the tensors, sentence vectors in float16, with the settings that are not trained as metadata."""
    state, settings = memory.state_dict(), {"neighbours": str(memory.neighbours)}
    if memory.vectors is not None:
        state[_VECTORS], settings[_MEANING] = memory.vectors.half(), str(memory.meaning)
    save_file(state, path, settings)


def load_memory(path: Path) -> DocumentMemory:
    """Read the memory that `save_memory` wrote."""
    with safe_open(path, "pt") as file:
        stored = file.metadata()
    settings = MemorySettings(neighbours=int(stored["neighbours"]), meaning=float(stored.get(_MEANING, 0.0)))
    state = load_file(path)
    vectors = state.pop(_VECTORS).to(torch.float32) if _VECTORS in state else None
    terms = DocumentTerms(state["documents"], state["ids"], state["weights"])
    memory = DocumentMemory(terms, state["keys"], settings, vectors)
    memory.load_state_dict(state)
    return memory
