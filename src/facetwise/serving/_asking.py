"""A request to pictures and wishes: multipart or JSON, refused with everything that is wrong."""

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from facetwise.errors import Complaint, nearest
from facetwise.serving._answering import Piece
from facetwise.serving._explaining import Question
from facetwise.serving._given import Known, check_known
from facetwise.serving._limits import Limits
from facetwise.serving._messages import Ask, AskWhere, Beforehand, Options, Where
from facetwise.serving._refusal import RefusedError
from facetwise.serving._served import Served

__all__ = ["Asked", "read_question", "read_request"]

# A form has a handful of wishes beside its pictures, and none is longer than a table's row.
FIELDS_MOST, FIELD_BYTES = 16, 256 * 1024
# Bodies from here on are parsed on a thread, so that others are not kept waiting.
LARGE = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Names and pieces of a request, in order."""

    names: list[str]
    pieces: list[Piece]


@dataclass(frozen=True, kw_only=True)
class _Form:
    """A kind of request.

    Args:
        part: What files are called in a form.
        fields: What may stand beside them.
        whole: The same as one JSON document, with `pictures`.
        documents: Fields of the form that are JSON themselves.
    """

    part: str
    fields: type[Beforehand]
    whole: type[BaseModel]
    documents: tuple[str, ...]


_ANSWERS = _Form(part="images", fields=Options, whole=Ask, documents=("known",))
_PLACES = _Form(part="image", fields=Where, whole=AskWhere, documents=("known", "attributes"))
_Parts = tuple[list[str], list[bytes], list[dict[str, Any]], Any]


async def read_request(request: Request, served: Served, limits: Limits) -> Asked:
    """Parse and check.

    Raises:
        RefusedError: 400 not what it says it is, 413 too many pictures, 415 another kind of body, 422 wrong wishes.
    """
    names, pictures, known, wishes = await _read(request, limits, _ANSWERS, limits.most_pictures)
    for_all = _for_all(served, wishes)
    pattern = Piece(served=served, data=b"", sets=wishes.sets, scores=wishes.scores, evidence=wishes.evidence)
    pieces = []
    for place, (data, own) in enumerate(zip(pictures, known, strict=True)):
        check_known(served.schema, own, place=f"images[{place}].known")
        pieces.append(replace(pattern, data=data, known={**for_all, **own}))
    return Asked(names=names, pieces=pieces)


async def read_question(request: Request, served: Served, limits: Limits) -> tuple[str, Question]:
    """Parse and check a request for where answers come from: its picture's name, and the work.

    Raises:
        RefusedError: As `read_request`.
    """
    [name], [data], [own], wishes = await _read(request, limits, _PLACES, 1)
    for_all = _for_all(served, wishes)
    check_known(served.schema, own, place="image.known")
    rule, index = "what is explained is an attribute", served.schema.index
    complaints = [
        Complaint(place=f"attributes[{place}]", rule=rule, found=repr(one)[:200], fix=nearest(one, index))
        for place, one in enumerate(wishes.attributes)
        if one not in index
    ]
    if complaints:
        raise RefusedError(422, "attributes", "the model has no such attributes", complaints=complaints[:40])
    question = Question(
        served=served, data=data, attributes=tuple(wishes.attributes), known={**for_all, **own}, batch=limits.batch
    )
    return name, question


async def _read(request: Request, limits: Limits, form: _Form, most: int) -> _Parts:
    """Names, pictures, what is known of each, and wishes."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        found = await _multipart(request, limits, form, most)
    elif kind == "application/json":
        body = await request.body()
        read = asyncio.to_thread(_json, body, form, most) if len(body) > LARGE else None
        found = _json(body, form, most) if read is None else await read
    else:
        message = "pictures come as multipart/form-data or application/json"
        raise RefusedError(415, "media_type", f"{message}. Found {kind[:100]!r}. Fix: set the header Content-Type")
    if len(found[1]) > most:
        raise _too_many(most)
    return found


def _for_all(served: Served, wishes: Beforehand) -> Known:
    """What is known of all pictures, checked."""
    for_all: dict[str, Any] = dict(wishes.known)
    if wishes.category is not None:
        if served.schema.category is None:
            fix = "leave `category` out, or name the column under `known`"
            complaint = Complaint(place="category", rule="the schema has a category", found="none", fix=fix)
            raise RefusedError(422, "known_cells", "this model has no category", complaints=[complaint])
        for_all[served.schema.category] = wishes.category
    return check_known(served.schema, for_all, place="known")


def _too_many(most: int) -> RefusedError:
    pictures = "one picture" if most == 1 else f"{most} pictures"
    return RefusedError(413, "too_many_pictures", f"a request has at most {pictures}. Fix: send several requests")


async def _multipart(request: Request, limits: Limits, kind: _Form, most: int) -> _Parts:
    # One more than allowed, so that too many pictures are told apart from a damaged form.
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=most + 1, max_fields=FIELDS_MOST, max_part_size=FIELD_BYTES
    )
    parser.spool_max_size = limits.upload + 1  # never onto the disk; the body's own limit bounds the memory
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if "files" in error.message:
            raise _too_many(most) from error
        raise RefusedError(400, "multipart", f"the form cannot be read: {error.message[:200]}") from error
    except (ValueError, KeyError, LookupError) as error:
        raise RefusedError(400, "multipart", "the form cannot be read: its headers are damaged") from error
    try:
        names, pictures, told, complaints = [], [], {}, []
        for key, value in form.multi_items():
            if isinstance(value, UploadFile):
                if key != kind.part:
                    fix = f"send it as `{kind.part}`" + "; the field may be repeated" * (most > 1)
                    rule = f"files are `{kind.part}`"
                    complaints.append(Complaint(place=key[:100], rule=rule, found=key[:100], fix=fix))
                names.append((value.filename or "")[:1000])
                pictures.append(await value.read())
            elif key in told:
                complaints.append(
                    Complaint(place=key[:100], rule="a field stands there once", found="two", fix="leave one")
                )
            else:
                told[key] = value
        if not pictures:
            fix = f"send each file as a part `{kind.part}`"
            complaints.append(Complaint(place=kind.part, rule="a request has pictures", found="none", fix=fix))
        if complaints:
            raise RefusedError(422, "request", "the request does not fit", complaints=complaints)
    finally:
        await form.close()
    for name in kind.documents:
        if name not in told:
            continue
        try:
            told[name] = json.loads(told[name])
        except (ValueError, RecursionError) as error:
            rule, fix = ("a JSON object", "write {}") if name == "known" else ("a JSON array", 'write ["colour"]')
            complaint = Complaint(place=name, rule=f"it is {rule}", found="other text", fix=fix)
            raise RefusedError(422, "request", "the request does not fit", complaints=[complaint]) from error
    try:
        # Fields of a form are texts: "true" and "3" are read as what they say.
        wishes = kind.fields.model_validate(told)
    except ValidationError as error:
        raise _wrong(error) from error
    return names, pictures, [{} for _ in pictures], wishes


def _json(body: bytes, kind: _Form, most: int) -> _Parts:
    try:
        ask: Any = kind.whole.model_validate_json(body)
    except ValidationError as error:
        if any(each["type"] == "json_invalid" for each in error.errors(include_url=False, include_input=False)):
            raise RefusedError(400, "json", "the body is no JSON document") from error
        raise _wrong(error) from error
    if len(ask.pictures) > most:
        raise _too_many(most)
    names, pictures, complaints = [], [], []
    for place, image in enumerate(ask.pictures):
        names.append(image.name if image.name is not None else str(place))
        try:
            pictures.append(base64.b64decode(image.data, validate=True))
        except (binascii.Error, ValueError):
            fix = "encode the file's bytes, without a prefix or line breaks"
            where = f"images[{place}].data" if kind.part == "images" else "image.data"
            complaints.append(Complaint(place=where, rule="it is Base64", found="other text", fix=fix))
    if complaints:
        raise RefusedError(422, "request", "the request does not fit", complaints=complaints)
    return names, pictures, [dict(image.known) for image in ask.pictures], ask


def _wrong(error: ValidationError) -> RefusedError:
    complaints = []
    for each in error.errors(include_url=False):
        where = ".".join(str(part) for part in each["loc"])[:200]
        found = repr(each.get("input"))[:100]
        complaints.append(Complaint(place=where, rule=each["msg"][:200], found=found, fix="see GET /openapi.json"))
    return RefusedError(422, "request", "the request does not fit", complaints=complaints[:40])
