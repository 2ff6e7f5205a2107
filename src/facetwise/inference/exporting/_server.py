"""A running server as something that answers: asked over HTTP, with the pictures' own files."""

import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from facetwise.decisions import ABSTAINED, Decisions
from facetwise.errors import BundleError, FacetwiseError, UserError
from facetwise.runtime import Facts
from facetwise.schema import NOT_APPLICABLE, VALUE, Kind, Schema, schema_from_dict

__all__ = ["ServerAnswering"]

_STATES = {"value": VALUE, "abstained": ABSTAINED, "not_applicable": NOT_APPLICABLE}
# Of one question; and of all tries together while the server says that it is busy.
SECONDS, PATIENCE = 60.0, 120.0


class ServerAnswering:
    """What `facetwise serve` answers at an address.

    Args:
        url: Where it listens, as `http://127.0.0.1:8000`.
        facts: What the file that it should serve says about itself.
        digest: SHA-256 of that file.
        token: What the server asks for.

    Raises:
        UserError: Nobody answers there, or not as our server does.
        BundleError: It serves another file.
    """

    def __init__(self, url: str, *, facts: Facts, digest: str, token: str | None = None) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise UserError(f"--against is an address like http://127.0.0.1:8000. Found {url!r}. Fix: write it out")
        self._url, self._facts, self._token = url.rstrip("/"), facts, token
        told = self._ask("/v1/schema")
        try:
            found, schema = str(told["model"]["digest"]), schema_from_dict(told["definition"], place="the server")
            self.most = int(told["limits"]["pictures"])
        except (KeyError, TypeError, ValueError, FacetwiseError) as error:
            raise UserError(f"{url} does not answer as `facetwise serve` does. Fix: check the address") from error
        if found != digest or schema != facts.schema:
            raise BundleError(
                f"{url} serves another file: SHA-256 {found[:16]}..., and this one has {digest[:16]}... "
                "Fix: serve this file, or send SIGHUP to a server whose file was replaced"
            )

    @property
    def facts(self) -> Facts:
        """What the file says about itself."""
        return self._facts

    def answer(self, values: np.ndarray) -> tuple[Decisions, float]:
        """Files of pictures, an array of `bytes`, to decisions; see `Answering.answer`."""
        boundary = uuid.uuid4().hex
        parts = [_part(boundary, "scores", b"true")]
        parts += [_part(boundary, "images", data, name=str(place)) for place, data in enumerate(values.tolist())]
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        told = self._ask("/v1/predict", body, kind=f"multipart/form-data; boundary={boundary}")
        for row in told["rows"]:
            if row["issue"] is not None:
                raise UserError(f"{self._url} cannot read a picture that the run reads: {row['issue']['message']}")
        return _decisions(self._facts.schema, [row["cells"] for row in told["rows"]]), 0.0

    def _ask(self, path: str, body: bytes | None = None, *, kind: str = "") -> Any:
        headers = {"Accept": "application/json", **({"Content-Type": kind} if kind else {})}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        until = time.monotonic() + PATIENCE
        while True:
            request = urllib.request.Request(self._url + path, data=body, headers=headers)  # noqa: S310 (http or https)
            try:
                with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                after = error.headers.get("Retry-After", "")
                if error.code in (429, 503) and after.isdigit() and time.monotonic() + int(after) < until:
                    time.sleep(int(after))
                    continue
                raise UserError(f"{self._url} refused to answer: {_reason(error)}") from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise UserError(f"{self._url} does not answer: {error}. Fix: facetwise serve FILE") from error


def _part(boundary: str, field: str, data: bytes, *, name: str | None = None) -> bytes:
    file = "" if name is None else f'; filename="{name}"\r\nContent-Type: application/octet-stream'
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{file}\r\n\r\n'.encode() + data + b"\r\n"


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code}, {json.load(error)['error']['message']}"
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.code)


def _decisions(schema: Schema, rows: Sequence[Mapping[str, Any]]) -> Decisions:
    """The cells of an answer with `scores`, packed again as the layout says."""
    layout, shape = schema.layout(), (len(rows), len(schema.attributes))
    scores, chances = (np.zeros((len(rows), layout.num_scores), np.float32) for _ in range(2))
    members = np.zeros(scores.shape, np.uint8)
    applies, confidence = np.zeros(shape, np.float32), np.full(shape, np.nan, np.float32)
    state, index = np.zeros(shape, np.int8), np.full(shape, -1, np.int32)
    number = np.full(shape, np.nan)
    for item, cells in enumerate(rows):
        for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
            cell = cells[attribute.column]
            scores[item, block.scores], chances[item, block.scores] = cell["scores"], cell["chances"]
            applies[item, place], state[item, place] = cell["applies"], _STATES[cell["state"]]
            if cell["confidence"] is not None:
                confidence[item, place] = cell["confidence"]
            if attribute.kind is Kind.NUMERIC:
                number[item, place] = cell["scores"][0] if cell["value"] is None else cell["value"]
            elif cell["value"] is not None and attribute.kind is Kind.MULTILABEL:
                members[item, block.scores] = [name in cell["value"] for name in attribute.classes]
            elif cell["value"] is not None:
                index[item, place] = attribute.classes.index(cell["value"])
    return Decisions(
        scores=scores, applies=applies, state=state, index=index, members=members, number=number,
        confidence=confidence, chances=chances,
    )  # fmt: skip
