"""Inception V3: one of many labels for a photo, with weights from a file (section 7.1.4).

    python -m training inception_v3 --weights FILE [--labels FILE]

FILE is what Keras writes: `.weights.h5`, the older `inception_v3_weights_tf_dim_ordering_tf_kernels.h5`, or a whole
`.keras`. Labels stand one a line, or in Keras's `imagenet_class_index.json`; their number is that of the classes.
Nothing is trained and nothing is downloaded. 10 seconds on 2 cores, 23,851,784 parameters with 1,000 classes.
"""

from __future__ import annotations

from typing import Any

from models.preprocessing import Image
from training.pretrained import Pretrained


def build(classes: int) -> Any:
    from models.zoo import pretrained

    return pretrained.build("inception_v3", classes)


PRETRAINED = Pretrained(
    name="inception_v3",
    description="Names what a photo shows: Inception V3, modules of parallel convolutions.",
    build=build,
    side=299,
    preprocessing=Image(scale=1 / 127.5, offset=-1.0),
)
