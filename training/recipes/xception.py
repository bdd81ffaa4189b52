"""Xception: one of many labels for a photo, with weights from a file (section 7.1.4).

    python -m training xception --weights FILE [--labels FILE]

FILE is what Keras writes: `.weights.h5`, the older `xception_weights_tf_dim_ordering_tf_kernels.h5`, or a whole
`.keras`. Labels stand one a line, or in Keras's `imagenet_class_index.json`; their number is that of the classes.
Nothing is trained and nothing is downloaded. 10 seconds on 2 cores, 22,910,480 parameters with 1,000 classes.
"""

from __future__ import annotations

from typing import Any

from models.preprocessing import Image
from training.pretrained import Pretrained


def build(classes: int) -> Any:
    from models.zoo import pretrained

    return pretrained.build("xception", classes)


PRETRAINED = Pretrained(
    name="xception",
    description="Names what a photo shows: Xception, depthwise separable convolutions with residuals.",
    build=build,
    side=299,
    preprocessing=Image(scale=1 / 127.5, offset=-1.0),
)
