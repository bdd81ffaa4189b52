"""From a version's folder to a model that answers: checked, placed on devices, tried, warmed, measured, rehearsed."""
