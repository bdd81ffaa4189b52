"""What the graph code of a SavedModel may not do, read from the file before anything of it is loaded.

A guard against surprises, no sandbox: see docs/adr/0012.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
FILES = frozenset({"ReadFile", "WriteFile", "MatchingFiles", "WholeFileReader", "WholeFileReaderV2", "TextLineDataset",
                   "TFRecordDataset", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2"})  # fmt: skip


def refuse_code(saved_model: Any) -> None:
    """Raises ValueError for a SavedModel that calls Python, or that reads or writes files of its own choice."""
    found = set(ops_of(saved_model))
    for forbidden, why in (
        (PYTHON, "it calls Python functions, which are not in the file"),
        (FILES, "it reads or writes files"),
    ):
        if ops := sorted(found & forbidden):
            raise ValueError(f"the SavedModel has the op {', '.join(ops)}: {why}, which is not allowed here")


def ops_of(saved_model: Any) -> Iterator[str]:
    """Of every graph, and of every function in it."""
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        yield from (node.op for node in graph.node)
        for function in graph.library.function:
            yield from (node.op for node in function.node_def)
