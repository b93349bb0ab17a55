"""The memory of a model folder: one file beside the weights of the T5."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from untilclick.rewriter.policy.memory.document_memory import DocumentMemory, MemorySettings
from untilclick.rewriter.policy.memory.document_terms import DocumentTerms

MEMORY_FILE = "memory.safetensors"


def save_memory(memory: DocumentMemory, path: Path) -> None:
    """Write the tensors, with the settings that are not trained as metadata."""
    save_file(memory.state_dict(), path, {"neighbours": str(memory.neighbours)})


def load_memory(path: Path) -> DocumentMemory:
    """Read the memory that `save_memory` wrote."""
    with safe_open(path, "pt") as file:
        neighbours = int(file.metadata()["neighbours"])
    state = load_file(path)
    terms = DocumentTerms(state["documents"], state["ids"], state["weights"])
    memory = DocumentMemory(terms, state["keys"], MemorySettings(neighbours=neighbours))
    memory.load_state_dict(state)
    return memory
