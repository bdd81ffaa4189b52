"""One LSTM shared by two sentences against two LSTMs of their own, with little data and with more (section 7.1.5)."""

from __future__ import annotations

from training.experiments import siamese
from training.experiments.figures import Cell, Figures

NOTE = (
    "Invented pairs. The same graph otherwise: |l−r| and l·r of the last states, then Dense 1. The vectors of the "
    "words do not learn and are not counted. As many steps of training for each row."
)


def run(preset: str, seed: int) -> Figures:
    sizes, steps, held_out = ((64,), 1, 64) if preset == "smoke" else ((1_000, 8_000), 1_000, 2_000)
    everything, held, ids = siamese.examples(max(sizes), held_out, seed)
    rows: list[tuple[Cell, ...]] = []
    for size in sizes:
        for name, shared in (("shared", True), ("two towers", False)):
            model = siamese.comparing(shared)
            parameters = model.count_params()
            whole = siamese.on_ids(model, ids, seed)
            epochs = max(1, steps * siamese.BATCH // size)
            siamese.trained(whole, everything.first(size), epochs, seed)
            rows.append((f"{name}, {size:,} pairs", parameters, *siamese.quality(whole, held)))
    return Figures(
        title="One shared LSTM or two of their own",
        columns=("graph", "parameters", "mean absolute error", "pearson"),
        rows=rows,
        note=NOTE,
    )
