"""The OpenAPI document: every route is in it, and what is answered is what it says."""

import re

import jsonschema
import pytest

from program import BINARY, PASSWORD, ROOT, Program, until

ROW = re.compile(r'ROUTE\("(\w+)",\s*"([^"]+)",\s*ROLE_(\w+),')
# asked for with these; others need none
QUERIES = {"/api/v1/blocks/test": "?value=203.0.113.5", "/api/v1/seen": "?kind=domain",
           "/api/v1/blocks/preview": "?value=203.0.113.5", "/api/v1/top": "?by=dport",
           "/api/v1/flows": "?live=0", "/api/v1/reputation": "?value=192.0.2.1"}


@pytest.fixture(scope="module")
def demo():
    """One demo for the whole file, with its first password replaced."""
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program()
    program.claim()
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def admin(demo):
    """Cookie and token of an admin, once there is an incident, a block and a token."""
    session = demo.log_in("admin", PASSWORD)
    until(lambda: demo.call("GET", "/incidents", cookie=session[0])[1]["items"], 30)
    for path, body in (("/blocks", {"value": "203.0.113.5", "ttl": "4h"}),
                       ("/blocks", {"value": "a.example.com"}), ("/tokens", {"name": "x"}),
                       ("/expected", {"src": "203.0.113.9", "note": "n"})):
        assert demo.call("POST", path, body, *session)[0] == 201, path
    return session


@pytest.fixture(scope="module")
def document(demo, admin):
    """The document itself."""
    status, body, _ = demo.call("GET", "/openapi.json", cookie=admin[0])
    assert status == 200
    return body


def strict(schema):
    """OpenAPI's "nullable" as JSON Schema has it."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: strict(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is not True or not plain:
        return plain
    return {"anyOf": [plain, {"type": "null"}]}


def operations(document):
    """(method, path, operation) of each."""
    return [(method.upper(), path, operation) for path, item in document["paths"].items()
            for method, operation in item.items()]


def test_every_route_is_described_and_nothing_else(document):
    text = (ROOT / "agent/api/routes.def").read_text(encoding="utf-8")
    there = {(m, p, r.lower()) for m, p, r in ROW.findall(text)}
    told = {(m, re.sub(r"\{\w+\}", "*", p), o["x-role"]) for m, p, o in operations(document)}
    assert told == there


def test_the_document_is_well_formed(document):
    assert document["openapi"] == "3.0.3" and document["info"]["version"]
    names = [o["operationId"] for _, _, o in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"] and "default" in operation["responses"], (method, path)
        assert set(re.findall(r"\{(\w+)\}", path)) == {
            p["name"] for p in operation["parameters"] if p["in"] == "path"}, path
    for reference in re.findall(r"'#/components/schemas/(\w+)'", str(document)):
        assert reference in document["components"]["schemas"]
    for name, schema in document["components"]["schemas"].items():
        assert schema and schema["properties"], name
        jsonschema.Draft4Validator.check_schema(strict(schema))


def test_answers_are_what_the_document_says(demo, admin, document):
    root = {"components": strict(document["components"])}
    first = demo.call("GET", "/incidents", cookie=admin[0])[1]["items"][0]
    parts = {"/api/v1/incidents/{id}": str(first["id"]), "/api/v1/blocks/{id}": "1",
             "/api/v1/hosts/{ip}": first["src_ip"]}
    checked = 0
    for method, path, operation in operations(document):
        answer = operation["responses"].get("200", {}).get("content", {}).get("application/json")
        if method != "GET" or not answer or not path.startswith("/api/v1/"):
            continue
        if "{" in path and path not in parts:
            continue
        url = re.sub(r"\{\w+\}", parts.get(path, ""), path) + QUERIES.get(path, "")
        status, body, _ = demo.call("GET", url.removeprefix("/api/v1"), cookie=admin[0])
        assert status == 200, (path, body)
        jsonschema.validate(body, {**strict(answer["schema"]), **root})
        checked += 1
    assert checked > 25
