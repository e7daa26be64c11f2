"""Pure functions on arrays: bytes to pixels and back, the network's input, alphas, cut-outs."""
