"""Responses of the BFL API as pydantic models, and the words that requests share with them."""

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, Field, model_serializer

MAX_URL_CHARS = 2083


class Status(StrEnum):
    """The words of `get_result`; every client must read an unknown one as still running."""

    NOT_FOUND = "Task not found"
    PENDING = "Pending"
    REQUEST_MODERATED = "Request Moderated"
    CONTENT_MODERATED = "Content Moderated"
    READY = "Ready"
    ERROR = "Error"


class OutputFormat(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


class Submission(BaseModel):
    """The answer to a submission (`AsyncResponse`), in the wire's key order."""

    id: str
    polling_url: str
    cost: float | None = None
    input_mp: float | None = None
    output_mp: float | None = None


class WebhookSubmission(BaseModel):
    """The answer where a webhook was asked for: `AsyncWebhookResponse`, and what pollers need beside it."""

    id: str
    status: str = Status.PENDING
    webhook_url: str
    polling_url: str
    cost: float | None = None
    input_mp: float | None = None
    output_mp: float | None = None


class Result(BaseModel):
    """The answer of `get_result` (`ResultResponse`): all six keys, always, in this order."""

    id: str
    status: str = Field(json_schema_extra={"enum": [*Status]})
    result: dict[str, Any] | None = None
    progress: float | None = None
    details: dict[str, Any] | None = None
    preview: dict[str, Any] | None = None


class Sample(BaseModel):
    """`result` of a Ready FLUX.2 task, in the wire's key order; times in epoch seconds."""

    start_time: float
    prompt: str
    seed: int
    sample: str

    @classmethod
    def made(cls, *, sample: str, prompt: str, seed: int, begin: float, end: float) -> Self:
        return cls(sample=sample, prompt=prompt, seed=seed, start_time=begin)


class Flux1Sample(Sample):
    """`result` of a Ready FLUX.1 task, whose keys have an order of their own; the duration in seconds."""

    end_time: float
    duration: float

    @classmethod
    def made(cls, *, sample: str, prompt: str, seed: int, begin: float, end: float) -> Self:
        return cls(sample=sample, prompt=prompt, seed=seed, start_time=begin, end_time=end, duration=end - begin)

    @model_serializer
    def in_wire_order(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FLUX_1_KEYS}


FLUX_1_KEYS = ("sample", "prompt", "seed", "start_time", "end_time", "duration")
