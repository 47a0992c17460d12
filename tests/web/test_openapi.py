"""The OpenAPI document: every path, its parameters, its errors, and an example of its body."""

from typing import Any

import pytest
from pydantic import BaseModel

from panelr_bridge.settings import Settings
from panelr_bridge.web.app import create_app

PATHS = {
    "/webhooks/woocommerce": ["post"],
    "/webhooks/woocommerce/{store}": ["post"],
    "/api/v1/product-mappings": ["get", "post"],
    "/api/v1/product-mappings/export": ["get"],
    "/api/v1/product-mappings/import": ["post"],
    "/api/v1/product-mappings/suggestions": ["get"],
    "/api/v1/product-mappings/{mapping_id}": ["delete", "get", "patch"],
    "/api/v1/payment-method-mappings": ["get", "post"],
    "/api/v1/payment-method-mappings/{mapping_id}": ["delete", "get", "patch"],
    "/api/v1/panelr/products": ["get"],
    "/api/v1/panelr/payment-methods": ["get"],
    "/api/v1/orders": ["get"],
    "/api/v1/orders/{order_id}": ["get"],
    "/api/v1/orders/{order_id}/retry": ["post"],
    "/api/v1/orders/{order_id}/resolve": ["post"],
    "/api/v1/orders/{order_id}/close": ["post"],
    "/api/v1/orders/{order_id}/confirmation-token": ["get"],
    "/api/v1/deliveries": ["get"],
    "/api/v1/deliveries/{delivery_id}": ["get"],
    "/api/v1/stats": ["get"],
    "/healthz": ["get"],
    "/readyz": ["get"],
    "/metrics": ["get"],
}
COMMON = ["fields", "sort", "page", "per_page"]
LISTS = {
    "/api/v1/orders": ["state", "store", "woo_order_id", "attention"],
    "/api/v1/deliveries": ["store", "topic", "verdict", "woo_order_id", "unresolved"],
    "/api/v1/product-mappings": [
        "store",
        "woo_product_id",
        "woo_variation_id",
        "sku",
        "panelr_product_id",
        "intent",
        "conditions",
    ],
    "/api/v1/payment-method-mappings": ["store", "woo_payment_method", "panelr_payment_method_id"],
    "/api/v1/panelr/products": ["refresh"],
    "/api/v1/panelr/payment-methods": ["refresh"],
}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """Return the document that the application makes."""
    return create_app(Settings()).openapi()


def operations(spec: dict[str, Any], prefix: str = "") -> list[tuple[str, str, dict[str, Any]]]:
    """Yield every operation below `prefix`."""
    return [
        (path, method, operation)
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
        if path.startswith(prefix)
    ]


def has_example(spec: dict[str, Any], content: dict[str, Any]) -> bool:
    """Return whether a body has an example, its own or its schema's."""
    schema = content.get("schema", {})
    for each in (schema, *schema.get("anyOf", [])):
        name = each.get("$ref", "").rpartition("/")[2]
        if {"example", "examples"} & (set(each) | set(spec["components"]["schemas"].get(name, {}))):
            return True
    return bool({"example", "examples"} & set(content))


def test_every_address_is_there(spec: dict[str, Any]) -> None:
    found = {path: sorted(methods) for path, methods in spec["paths"].items()}
    assert {path: found.get(path) for path in PATHS} == PATHS


def test_every_operation_says_what_it_does_under_a_name_of_its_own(spec: dict[str, Any]) -> None:
    every = operations(spec)
    assert [
        (path, method) for path, method, each in every if not (each.get("summary") and each.get("description"))
    ] == []
    names = [each["operationId"] for _, _, each in every]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_declares_what_it_can_be_asked(spec: dict[str, Any], path: str) -> None:
    parameters = {each["name"]: each for each in spec["paths"][path]["get"]["parameters"]}
    assert list(parameters) == [*COMMON, *LISTS[path]]
    assert {each["in"] for each in parameters.values()} == {"query"}
    per_page = parameters["per_page"]["schema"]
    assert (per_page["minimum"], per_page["maximum"], per_page["default"]) == (1, 100, 20)
    assert (parameters["page"]["schema"]["minimum"], parameters["page"]["schema"]["default"]) == (1, 1)
    assert parameters["sort"]["schema"]["default"] == "-id"


def test_every_operation_of_the_admin_api_wants_the_token_and_names_its_errors(spec: dict[str, Any]) -> None:
    assert spec["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    for path, method, operation in operations(spec, "/api/"):
        assert operation["security"] == [{"HTTPBearer": []}], (path, method)
        wanted = {"400", "401"} | ({"404"} if "{" in path else set())
        assert wanted <= set(operation["responses"]), (path, method)
        for status in wanted:
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"], (path, method)


def test_no_operation_promises_an_error_that_is_no_problem(spec: dict[str, Any]) -> None:
    """FastAPI adds its own 422, in another form, to every operation with parameters."""
    found = [
        (path, method, status)
        for path, method, operation in operations(spec)
        for status, response in operation["responses"].items()
        if status.startswith("4") and list(response["content"]) != ["application/problem+json"]
    ]
    assert found == []


def test_every_body_has_an_example(spec: dict[str, Any]) -> None:
    bodies = [
        (path, method, content)
        for path, method, operation in operations(spec)
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]
    assert len(bodies) == 13
    assert [(path, method) for path, method, content in bodies if not has_example(spec, content)] == []


def test_the_webhook_route_shows_its_answers_and_names_its_errors(spec: dict[str, Any]) -> None:
    for path in ("/webhooks/woocommerce", "/webhooks/woocommerce/{store}"):
        responses = spec["paths"][path]["post"]["responses"]
        assert {"200", "202", "401", "404", "413", "503"} <= set(responses)
        for status in ("200", "202"):
            schema = responses[status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/DeliveryResultOut"}
    fields = spec["components"]["schemas"]["DeliveryResultOut"]["properties"]
    assert list(fields) == ["order_id", "state", "work_order_id", "reference_code", "reason"]


def test_an_example_is_what_the_model_takes(spec: dict[str, Any]) -> None:
    models = {each.__name__: each for each in subclasses(BaseModel) if each.__module__.startswith("panelr_bridge.")}
    tried = 0
    for name in ("ProductMapping", "PaymentMethodMapping", "ResolveInput", "AcknowledgeInput", "BulkRetryInput"):
        for example in spec["components"]["schemas"][name]["examples"]:
            models[name].model_validate(example)
            tried += 1
    assert tried == 12


def referred(spec: dict[str, Any], content: Any) -> set[str]:
    """The names of the schemas that `content` refers to, and of those that they refer to."""
    names: set[str] = set()
    left = [content]
    while left:
        content = left.pop()
        if isinstance(content, list):
            left += content
        elif isinstance(content, dict):
            left += content.values()
            name = str(content.get("$ref", "")).rpartition("/")[2]
            if name and name not in names:
                names.add(name)
                left.append(spec["components"]["schemas"][name])
    return names


def answer_fields(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every field of every model that is answered: the model's name, its own, and its schema."""
    answers = [operation["responses"] for _, _, operation in operations(spec)]
    return [
        (name, field, schema)
        for name in sorted(referred(spec, answers))
        for field, schema in spec["components"]["schemas"][name].get("properties", {}).items()
    ]


def test_every_field_of_every_answer_is_described(spec: dict[str, Any]) -> None:
    fields = answer_fields(spec)
    models = {name for name, _, _ in fields}
    assert {"OrderStoryOut", "AttemptOut", "FollowUpOut", "DeliveryOut", "StatsOut", "Problem"} <= models
    assert [(name, field) for name, field, schema in fields if not schema.get("description")] == []


def test_every_value_in_an_answer_has_an_example(spec: dict[str, Any]) -> None:
    """Or a default, or a model that has examples of its own."""

    def is_shown(schema: dict[str, Any]) -> bool:
        if {"examples", "default", "$ref", "const"} & set(schema):
            return True
        inner = [schema["items"]] if "items" in schema else schema.get("anyOf", [])
        return any(is_shown(each) for each in inner)

    assert [(name, field) for name, field, schema in answer_fields(spec) if not is_shown(schema)] == []


def test_every_operation_of_the_admin_api_answers_a_model(spec: dict[str, Any]) -> None:
    plain = {("/api/v1/product-mappings/export", "get")}
    found = {
        (path, method)
        for path, method, operation in operations(spec, "/api/")
        for status, response in operation["responses"].items()
        if status in {"200", "201"} and not referred(spec, response)
    }
    assert found == plain


def subclasses(parent: type[BaseModel]) -> list[type[BaseModel]]:
    """Return every model."""
    return [each for child in parent.__subclasses__() for each in (child, *subclasses(child))]


def test_no_secret_is_in_it() -> None:
    settings = Settings(webhook_secret="a-secret", admin_token="a-token", panelr_api_key="a-key")
    text = str(create_app(settings).openapi())
    assert [each for each in ("a-secret", "a-token", "a-key") if each in text] == []
