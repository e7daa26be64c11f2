"""How requests with a body come in: key, permit, rate, body, form, in this order."""
