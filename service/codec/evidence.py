"""Why an input is padded, or why not, in words and in numbers. Knows only what a trial left behind."""

from __future__ import annotations

from typing import Any

from models.evidence import Evidence, PaddingSeen, Seen
from models.signature import Input


def describe_padding(each: Input, evidence: Evidence | None) -> dict[str, Any] | None:
    """None for an input of one shape whose rows share batches: there is nothing to pad."""
    if not each.spec.is_ragged and each.padding.kind != "alone":
        return None
    return {"kind": each.padding.kind, "tail": each.padding.tail, "evidence": describe_evidence(each, evidence)}


def describe_evidence(each: Input, evidence: Evidence | None) -> dict[str, Any]:
    if evidence is None or evidence == Evidence():
        return {"summary": "declared, not tried" if evidence else "not tried"}
    seen = evidence.padding.get(each.name)
    told: dict[str, Any] = {"summary": summary(each, evidence, seen)}
    if seen is not None:
        told["padding"] = {**numbers(seen), "lengths": [seen.shortest, seen.longest], "zeros": list(seen.zeros)}
    told["neighbours"] = {**numbers(evidence.neighbours), "batches": list(evidence.batches)}
    if evidence.constant_heads:
        told["constant_heads"] = list(evidence.constant_heads)
    return told


def numbers(seen: Seen) -> dict[str, Any]:
    """`difference` is relative to one and the size of the lone answer."""
    return {"rows": seen.rows, "head": seen.head or None, "difference": seen.difference}


def summary(each: Input, evidence: Evidence, seen: PaddingSeen | None) -> str:
    if evidence.neighbours.reason:
        return f"rows run alone: in company, {evidence.neighbours.reason}"
    if each.padding.kind == "pad" and seen is not None:
        return (
            f"{seen.rows} rows of length {seen.shortest} to {seen.longest} were answered as alone, beside longer ones "
            f"and with up to {max(seen.zeros, default=0)} zeros behind them: {most(seen)}"
        )
    if seen is not None:
        return f"only rows of equal shape run together: {seen.reason}"
    beside = f"{evidence.neighbours.rows} of them were answered as alone: {most(evidence.neighbours)}"
    return f"declared so that only rows of equal shape run together; {beside}"


def most(seen: Seen) -> str:
    return f"no head moved by more than {seen.difference:.2g}" if seen.head else "no head moved"
