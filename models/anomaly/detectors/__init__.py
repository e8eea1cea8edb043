"""Detectors that know no physics, one file each; every module here is imported by `models.anomaly.detector.detectors`."""
