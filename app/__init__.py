"""The FastAPI service over the engine, `cutout`."""
