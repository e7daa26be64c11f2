"""Intake of requests with a body: key, permit, rate, body, form, in this order."""
