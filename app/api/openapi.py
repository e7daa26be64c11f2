"""The OpenAPI schema that clients are generated from.

It is FastAPI's, without responses that are never sent, with a name for every type, with security
requirements if the server asks for keys, and with calls that are relative to its own address.
"""

import json
from typing import Any

from fastapi import FastAPI

from .auth import SCHEMES
from .problems import ProblemResponse
from .services import services_of

AUTOMATIC = ("HTTPValidationError", "ValidationError")  # FastAPI's own errors; ours are problems
JSON = "application/json"
MULTIPART = "multipart/form-data"
NEEDS_KEY = {"401", "403"}  # an operation that documents one of these asks for a key
ABOUT = (
    "Send an image as the part `file` of a form (`multipart/form-data`); every option is a field "
    "beside it. Errors of the native calls are `application/problem+json` (RFC 9457): `code` is "
    "stable, `detail` is for people. The page for people is [here](./)."
)
TAGS = {
    "images": "What this service is for",
    "models": "What is loaded: preprocessing, training data and their terms, measured quality",
    "compatible with rembg": "For clients of rembg's server: change only the base URL",
    "compatible with remove.bg": "For clients of remove.bg's API: change only the base URL",
    "health": "Probes and metrics, for operators",
}

HERE = {"url": ".", "description": "this server, also behind a proxy that adds a path"}
"""Relative to the schema's own address (OpenAPI 3.1, Server Object)."""

Node = dict[str, Any]


def install(app: FastAPI) -> None:
    """Make `app.openapi()` return the exact schema; it is generated once."""
    generate = app.openapi

    def openapi() -> Node:
        if app.openapi_schema is None:
            needs_keys = bool(services_of(app).settings.api_keys)
            app.openapi_schema = exact(generate(), needs_keys)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def exact(schema: Node, needs_keys: bool) -> Node:
    """Correct a schema of FastAPI's, in place, and return it."""
    components: Node = schema["components"]["schemas"]
    for methods in schema["paths"].values():
        for operation in methods.values():
            _drop_automatic_responses(operation["responses"])
            for content in operation.get("requestBody", {}).get("content", {}).values():
                _name_body(content, components)
            _sort_required_first(operation, components)
            if needs_keys and NEEDS_KEY & operation["responses"].keys():
                operation["security"] = [{name: []} for name in SCHEMES]
    schema["info"]["description"] = ABOUT
    schema["servers"] = [HERE]
    schema["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    if needs_keys:
        schema["components"]["securitySchemes"] = SCHEMES
    _mark_binary(components)
    _drop_unreferenced(schema, components)
    assert not set(AUTOMATIC) & components.keys()
    return schema


def _drop_automatic_responses(responses: Node) -> None:
    for status, response in list(responses.items()):
        content = response.get("content", {})
        reference = content.get(JSON, {}).get("schema", {}).get("$ref", "")
        if reference.endswith(f"/{AUTOMATIC[0]}"):
            del responses[status]
        elif ProblemResponse.media_type in content:
            content.pop(JSON, None)


def _drop_unreferenced(schema: Node, components: Node) -> None:
    """Drop types that nothing refers to: FastAPI's own errors, and values of options."""
    while True:
        text = json.dumps(schema)
        # The closing quote, as a name may be the start of another.
        unused = [name for name in components if f'#/components/schemas/{name}"' not in text]
        if not unused:
            return
        for name in unused:
            del components[name]


def _name_body(content: Node, components: Node) -> None:
    """Turn a body that is described in place into a component named by its title."""
    body = content["schema"]
    if "$ref" not in body:
        components[body["title"]] = body
        content["schema"] = {"$ref": f"#/components/schemas/{body['title']}"}


def _sort_required_first(operation: Node, components: Node) -> None:
    """Put required fields first in forms, so that people see the image before the options."""
    form = operation.get("requestBody", {}).get("content", {}).get(MULTIPART)
    if form is None:
        return
    body = components[form["schema"]["$ref"].rpartition("/")[2]]
    required = body.get("required", [])
    fields = body["properties"].items()
    body["properties"] = dict(sorted(fields, key=lambda item: item[0] not in required))


def _mark_binary(node: object) -> None:
    """Add `format: binary` (OpenAPI 3.0) to files: generators of clients know only that."""
    if isinstance(node, dict):
        if "contentMediaType" in node:
            node["format"] = "binary"
        for value in node.values():
            _mark_binary(value)
    elif isinstance(node, list):
        for value in node:
            _mark_binary(value)
