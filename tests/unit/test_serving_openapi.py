"""The OpenAPI document is true: whatever it allows is answered as it says, whatever it forbids is refused (bar 23)."""

import asyncio
import json
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from facetwise.serving import Limits, Metrics, make_app
from made_served import client_of, holder_of

# Begins and ends anew with every question, as the client of the library does it.
APP = make_app(
    holder_of(),
    limits=Limits(threads=1, upload=200_000),
    metrics=Metrics(),
    hosts={"127.0.0.1", "localhost", "testserver"},
)


def _document() -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with client_of(holder_of()) as client:
            return (await client.get("/openapi.json")).json()

    return asyncio.run(ask())


schema = schemathesis.openapi.from_dict(_document())
schema.app = APP


@schema.parametrize()
@settings(
    max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck), derandomize=True,
)  # fmt: skip
def test_every_route_keeps_its_word(case: Any) -> None:
    # Bytes that are no picture, and columns that the model does not have, are no matter of shape: they are refused with
    # a reason, and the check that whatever has the right shape is accepted cannot know that.
    excluded = [positive_data_acceptance]
    if case.media_type == "multipart/form-data":
        # An empty list in place of a text has no shape in a form: nothing of it is sent.
        excluded.append(negative_data_rejection)
    case.call_and_validate(excluded_checks=excluded)


def test_the_document_names_what_there_is() -> None:
    document = _document()
    assert set(document["paths"]) == {
        "/v1/predict",
        "/v1/explain",
        "/v1/schema",
        "/healthz",
        "/readyz",
        "/metrics",
        "/",
    }
    for path in ("/v1/predict", "/v1/explain"):
        asked = document["paths"][path]["post"]
        assert set(asked["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
        assert set(asked["responses"]) == {"200", "400", "401", "403", "408", "413", "415", "421", "422", "429", "503"}
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]
