"""What a training leaves beside its artifact for people to look at: one page and its plots.

Importing this loads neither matplotlib nor Keras.
"""

from training.report.report import Report, write_report

__all__ = ["Report", "write_report"]
