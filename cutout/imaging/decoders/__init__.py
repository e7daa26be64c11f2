"""The libraries that decode: each makes RGB and alpha of what a file stores, not yet upright."""
