"""Whether a version may answer in place of those below it: it keeps to their contract, or announces that it does not.

Knows no TensorFlow and no HTTP, and not when it is asked: `try_out` is given, and so are the predecessors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from models.artifact import InvalidArtifact
from models.contract import Contract, Difference, broken, to_keep
from models.signature import Signature
from service.events import ContractBroken, Event
from service.inference import Served
from service.loading.memory import NotEnoughMemory
from service.store.scanner import Fingerprint, Found
from service.store.source import Source
from service.store.succession import Predecessor
from service.store.trouble import StoreUnavailable

log = structlog.get_logger("manifold")

Before = Predecessor[Served[Any]]


class Refused(Exception):
    """A version that breaks the contract it should keep, and does not say so. A line for each difference."""

    def __init__(self, kept: Contract, differences: Sequence[Difference]) -> None:
        lines = "\n".join(map(str, differences))
        super().__init__(f"it breaks the contract of version {kept.version} and does not announce it:\n{lines}")


class Takeover:
    """Judges versions by their manifests alone, as far as those decide. Blocks."""

    def __init__(self, try_out: Callable[[str, Path], Signature], store: Source) -> None:
        """`try_out` loads a version, checks all that can be checked of it alone, and lets go of it."""
        self._try_out = try_out
        self._store = store
        self._tried: dict[tuple[Path, Fingerprint], Signature] = {}
        self._let_pass: set[tuple[Path, Fingerprint]] = set()

    def judge(self, model: str, number: int, found: Found, before: Sequence[Before]) -> Sequence[Event]:
        """What is to be told once the version answers. `before` are those it comes after, lowest first.

        What was let pass once is let pass again: it may have answered, and going back to it is no change of contract.
        Raises Refused, InvalidArtifact, and what trying a version out raises.
        """
        key = (found.path, found.fingerprint)
        if key in self._let_pass:
            return ()
        told = list(self._compared(model, number, found, before)) if before else []
        self._let_pass.add(key)
        return told

    def _compared(self, model: str, number: int, found: Found, before: Sequence[Before]) -> Sequence[Event]:
        newcomer = self._read(model, number, found)
        by_number = {each.number: each for each in before}
        contracts = self._contracts(model, before)
        kept = to_keep(newcomer, contracts, lambda contract: self._is_good(model, by_number[contract.version]))
        if kept is None:
            return ()
        differences = broken(kept, newcomer)
        if not newcomer.breaking:
            if differences:
                raise Refused(kept, differences)
            return ()
        return (ContractBroken(model, number, kept.version, newcomer.breaking, tuple(map(str, differences))),)

    def _contracts(self, model: str, before: Sequence[Before]) -> list[Contract]:
        """What those promise, lowest first. To know it of a bare graph takes loading it: only the highest is asked."""
        contracts: list[Contract] = []
        for each in reversed(before):
            if contracts and self._is_bare(each):
                continue
            if (contract := self._contract(model, each)) is not None:
                contracts.insert(0, contract)
        return contracts

    def _is_bare(self, each: Before) -> bool:
        """Whether nothing tells what it promises but its graph, which would have to be loaded."""
        try:
            return each.served is None and self._store.contract(each.number, each.found.path) is None
        except InvalidArtifact:
            return False

    def _contract(self, model: str, each: Before) -> Contract | None:
        """What it promises; None for a version that cannot be read, and so promises nothing."""
        if each.served is not None:
            manifest = each.served.manifest
            more = (manifest.preprocessing, manifest.breaking) if manifest else ({}, "")
            return Contract(each.number, each.served.signature, *more)
        try:
            return self._read(model, each.number, each.found)
        except StoreUnavailable:
            raise  # nobody knows yet what it promises
        except Exception as error:  # whatever its files can do, it is not what is judged
            self._note(model, each, error)
            return None

    def _read(self, model: str, number: int, found: Found) -> Contract:
        contract = self._store.contract(number, found.path)
        return contract if contract is not None else Contract(number, self._signature(model, number, found))

    def _is_good(self, model: str, each: Before) -> bool:
        """Whether it answers, or would. Where there is no memory to try that, its manifest is believed."""
        if each.served is not None:
            return True
        try:
            self._signature(model, each.number, each.found)
        except NotEnoughMemory:
            return True
        except StoreUnavailable:
            raise
        except Exception as error:  # as in _contract
            self._note(model, each, error)
            return False
        return True

    def _signature(self, model: str, number: int, found: Found) -> Signature:
        key = (found.path, found.fingerprint)
        if key not in self._tried:
            self._tried[key] = self._try_out(model, self._store.fetch(model, number, found.path))
        return self._tried[key]

    def _note(self, model: str, each: Before, error: Exception) -> None:
        reason = f"{error}" or type(error).__name__
        log.info("version sets no contract", model=model, version=each.number, reason=reason)
