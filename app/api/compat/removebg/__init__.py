"""The API of remove.bg: its fields in, a response to our native options out.

`fields` reads a request, `translate` turns its fields into native options, `responses` writes what
remove.bg's clients expect, `routes` puts them together. docs/migrating.md lists each field.
"""
