"""Measurements of speed and quality, and the figures last measured (`results/`).

Nothing here is a test: timings never are.
"""
