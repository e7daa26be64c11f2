"""The OpenAPI schema that clients are generated from: as FastAPI has it, less what is never sent, all types named."""

import json
from typing import Any

from fastapi import FastAPI

from .problems import ProblemResponse

AUTOMATIC = (
    "HTTPValidationError",
    "ValidationError",
)  # FastAPI's own errors, which are problems here
JSON = "application/json"
MULTIPART = "multipart/form-data"
ABOUT = (
    "Send a picture as the part `file` of a form (`multipart/form-data`); every option is a field beside it. "
    "Errors of the native calls are `application/problem+json` (RFC 9457): `code` is stable, `detail` is for people. "
    "The page for people is [here](./)."
)
TAGS = {
    "pictures": "What this service is for",
    "models": "What is loaded: preprocessing, training data and their terms, measured quality",
    "compatible with rembg": "For clients of rembg's server: change only the base URL",
    "compatible with remove.bg": "For clients of remove.bg's API: change only the base URL",
    "health": "For whoever runs this service",
}

Node = dict[str, Any]


def install(app: FastAPI) -> None:
    """Make `app.openapi()` give the exact schema, made once."""
    reckon = app.openapi

    def openapi() -> Node:
        if app.openapi_schema is None:
            app.openapi_schema = exact(reckon())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def exact(schema: Node) -> Node:
    """The schema with exactly the errors that are sent, and no type without a name of its own; changed in place."""
    components: Node = schema["components"]["schemas"]
    for methods in schema["paths"].values():
        for operation in methods.values():
            _drop_what_is_never_sent(operation["responses"])
            for content in operation.get("requestBody", {}).get("content", {}).values():
                _name(content, components)
            _required_first(operation, components)
    schema["info"]["description"] = ABOUT
    schema["tags"] = [{"name": name, "description": what} for name, what in TAGS.items()]
    _say_binary(components)
    _drop_unreferenced(schema, components)
    assert not set(AUTOMATIC) & components.keys()
    return schema


def _drop_what_is_never_sent(responses: Node) -> None:
    for status, response in list(responses.items()):
        content = response.get("content", {})
        if content.get(JSON, {}).get("schema", {}).get("$ref", "").endswith(f"/{AUTOMATIC[0]}"):
            del responses[status]
        elif ProblemResponse.media_type in content:
            content.pop(JSON, None)


def _drop_unreferenced(schema: Node, components: Node) -> None:
    """Leave out types that nothing refers to: FastAPI adds its own errors, and option values."""
    while True:
        text = json.dumps(schema)
        unused = [name for name in components if f'#/components/schemas/{name}"' not in text]
        if not unused:
            return
        for name in unused:
            del components[name]


def _name(content: Node, components: Node) -> None:
    """A body that is described in place becomes a component under its title."""
    body = content["schema"]
    if "$ref" not in body:
        components[body["title"]] = body
        content["schema"] = {"$ref": f"#/components/schemas/{body['title']}"}


def _required_first(operation: Node, components: Node) -> None:
    """The picture before the options, in forms that are shown to people."""
    form = operation.get("requestBody", {}).get("content", {}).get(MULTIPART)
    if form is not None:
        body = components[form["schema"]["$ref"].rpartition("/")[2]]
        required = body.get("required", [])
        body["properties"] = dict(
            sorted(body["properties"].items(), key=lambda item: item[0] not in required)
        )


def _say_binary(node: object) -> None:
    """Files in the older words too (OpenAPI 3.0), which are the ones that generators of clients know."""
    if isinstance(node, dict):
        if "contentMediaType" in node:
            node["format"] = "binary"
        for value in node.values():
            _say_binary(value)
    elif isinstance(node, list):
        for value in node:
            _say_binary(value)
