"""When not to rely on an answer: calibration, selective prediction, out-of-distribution scores, warnings."""
