"""The sandbox's endpoints: each takes a request and returns an answer, or raises a refusal."""

import base64
import hashlib
import io
import json
import math
import os
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from PIL import Image
from pydantic import ValidationError

from dashboard.bfl.endpoints import BY_NAME, Endpoint
from dashboard.bfl.errors import NOT_AUTHENTICATED, NOT_FOUND, SERVER_ERROR, validation_body
from dashboard.bfl.inputs import Inputs
from dashboard.bfl.prices import megapixels, price
from dashboard.bfl.schemas import Result, Status, Submission, WebhookSubmission
from dashboard.bfl.signatures import SAMPLE_SECONDS, is_signed, sign_path
from dashboard.bfl.sizes import Size
from dashboard.lib.credits import as_number, from_credits
from dashboard.sandbox.answers import Answer, Dropped, Refusal, Request, answer_json, refuse
from dashboard.sandbox.faults import Course, Fault, Faults, course_of
from dashboard.sandbox.finetunes import Finetunes
from dashboard.sandbox.jobs import Job, Jobs
from dashboard.sandbox.painter import CONTENT_TYPES, Picture, paint

SAMPLES = "/samples/"
MAX_IMAGE_PIXELS = 20 * 10**6
# Play money: it goes down with every image, and nothing is refused when it is gone.
CREDITS = 10_000


class Routes:
    """Answers requests for one address. Callbacks to a `webhook_url` are not made."""

    def __init__(
        self, url: str, *, seconds: float, jitter: float, finetunes: Sequence[str], only_known: bool, faults: Faults
    ) -> None:
        self.url = url
        self.seconds = seconds
        self.jitter = jitter
        self.faults = faults
        self.sample_seconds = SAMPLE_SECONDS
        self.finetunes = Finetunes(finetunes, only_known=only_known)
        self.jobs = Jobs()
        self._signing_key = secrets.token_hex(32)
        # A painter needs a core and some 30 MB: more at once than cores would only cost memory.
        self._painters = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._routes: dict[str, Callable[[Request], Answer]] = {
            "/v1/get_result": self._get_result,
            "/v1/my_finetunes": self._my_finetunes,
            "/v1/finetune_details": self._finetune_details,
            "/v1/credits": self._credits,
        }

    def answer(self, request: Request) -> Answer:
        """Raises Dropped where a fault wants the connection closed."""
        try:
            return self._dispatch(request)
        except Refusal as refusal:
            return refusal.answer

    def _dispatch(self, request: Request) -> Answer:
        endpoint = BY_NAME.get(request.path.removeprefix("/v1/")) if request.path.startswith("/v1/") else None
        if endpoint:
            _allow(request, "POST")
            return self._submit(request, endpoint)
        if request.path.startswith(SAMPLES):
            _allow(request, "GET", "HEAD")
            return self._sample(request)
        if request.path not in self._routes:
            raise refuse(HTTPStatus.NOT_FOUND, NOT_FOUND)
        _allow(request, "GET")
        return self._routes[request.path](request)

    # --- Submissions ----------------------------------------------------------------------------------------

    def _submit(self, request: Request, endpoint: Endpoint) -> Answer:
        _authenticate(request)
        inputs = _parse(request.body, endpoint)
        finetune_id = getattr(inputs, "finetune_id", None)
        if finetune_id is not None and not self.finetunes.use(finetune_id, endpoint):
            raise refuse(HTTPStatus.NOT_FOUND, "Finetune not found")
        course = course_of(inputs.prompt, self._fault())
        job = self._accept(endpoint, inputs, course)
        return answer_json(self._submission(job, inputs))

    def _fault(self) -> Fault | None:
        """A submission that is refused or dropped here leaves nothing behind: clients send it again."""
        fault = self.faults.take()
        if fault is Fault.DROPPED:
            raise Dropped
        if fault is Fault.SERVER_ERROR:
            raise refuse(HTTPStatus.INTERNAL_SERVER_ERROR, SERVER_ERROR)
        if fault is Fault.TOO_MANY:
            raise refuse(HTTPStatus.TOO_MANY_REQUESTS, "Too many active tasks", Retry_After="1")
        return fault

    def _accept(self, endpoint: Endpoint, inputs: Inputs, course: Course) -> Job:
        picture = _picture(inputs)
        if not picture.fits_format:
            course = Course(Status.ERROR, {"error": f"{picture.output_format} holds no image that wide or high"})
        job_id, now, seconds = str(uuid.uuid4()), time.time(), self._duration(course)
        job = Job(
            id=job_id,
            endpoint=endpoint,
            picture=picture,
            prompt=inputs.prompt,
            submitted=now,
            ends=now + seconds,
            status=course.status,
            details=course.details,
            sample_url=self._sample_url(job_id, picture, seconds),
            cost=price(endpoint.price_key, width=picture.width, height=picture.height, images=len(inputs.images)),
        )
        self.jobs.add(job)
        return job

    def _duration(self, course: Course) -> float:
        if course.seconds is not None:
            return course.seconds
        return self.seconds * max(0.0, 1 + random.uniform(-self.jitter, self.jitter))

    def _sample_url(self, job_id: str, picture: Picture, seconds: float) -> str:
        """Signed ahead of time, so that every poll gives the same URL; it lives from the end of the job on."""
        lifetime = math.ceil(seconds) + self.sample_seconds
        path = f"{SAMPLES}{job_id}/sample.{picture.output_format}"
        return self.url + sign_path(self._signing_key, path, seconds=lifetime)

    def _submission(self, job: Job, inputs: Inputs) -> dict[str, Any]:
        body: dict[str, Any] = {"id": job.id, "polling_url": f"{self.url}/v1/get_result?id={job.id}"}
        if job.endpoint.tells_cost:
            size = megapixels(job.picture.width, job.picture.height)
            body |= {"cost": as_number(job.cost), "input_mp": float(len(inputs.images)), "output_mp": size}
        if inputs.webhook_url:
            return WebhookSubmission(webhook_url=inputs.webhook_url, **body).model_dump()
        return Submission(**body).model_dump()

    # --- Results and samples --------------------------------------------------------------------------------

    def _get_result(self, request: Request) -> Answer:
        """Needs no key: ids cannot be guessed, and several clients poll without one."""
        job_id = _required(request, "id")
        job = self.jobs.get(job_id)
        result = job.result(time.time()) if job else Result(id=job_id, status=Status.NOT_FOUND)
        return answer_json(result.model_dump())

    def _sample(self, request: Request) -> Answer:
        if not is_signed(self._signing_key, request.path, request.query):
            raise refuse(HTTPStatus.FORBIDDEN, "This link has expired or was not made here.")
        job = self.jobs.get(request.path.removeprefix(SAMPLES).partition("/")[0])
        if job is None or job.status is not Status.READY:
            raise refuse(HTTPStatus.NOT_FOUND, NOT_FOUND)
        with self._painters:
            image = paint(job.picture)
        return Answer(HTTPStatus.OK, image, CONTENT_TYPES[job.picture.output_format])

    # --- The account ----------------------------------------------------------------------------------------

    def _my_finetunes(self, request: Request) -> Answer:
        _authenticate(request)
        return answer_json({"finetunes": self.finetunes.ids()})

    def _finetune_details(self, request: Request) -> Answer:
        _authenticate(request)
        details = self.finetunes.details(_required(request, "finetune_id"))
        if details is None:
            raise refuse(HTTPStatus.NOT_FOUND, "Finetune not found")
        return answer_json({"finetune_details": details})

    def _credits(self, request: Request) -> Answer:
        _authenticate(request)
        return answer_json({"credits": as_number(max(0, from_credits(CREDITS) - self.jobs.spent))})


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed", Allow=", ".join(methods))


def _authenticate(request: Request) -> None:
    if not request.has_key:
        raise refuse(HTTPStatus.FORBIDDEN, NOT_AUTHENTICATED)


def _required(request: Request, name: str) -> str:
    if name not in request.query:
        raise _unprocessable({"loc": ["query", name], "msg": "Field required", "type": "missing"})
    return request.query[name]


def _parse(body: bytes, endpoint: Endpoint) -> Inputs:
    if not body:
        raise _unprocessable({"loc": ["body"], "msg": "Field required", "type": "missing"})
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        place = getattr(error, "pos", 0)
        raise _unprocessable({"loc": ["body", place], "msg": "JSON decode error", "type": "json_invalid"}) from None
    if not isinstance(given, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        raise _unprocessable({"loc": ["body"], "msg": message, "type": "model_attributes_type"})
    try:
        return endpoint.inputs.model_validate(given)
    except ValidationError as error:
        answer = answer_json(validation_body(error.errors(), "body"), HTTPStatus.UNPROCESSABLE_ENTITY)
        raise Refusal(answer) from None


def _unprocessable(error: dict[str, Any]) -> Refusal:
    return Refusal(answer_json(validation_body([error]), HTTPStatus.UNPROCESSABLE_ENTITY))


def _picture(inputs: Inputs) -> Picture:
    """What will be painted; a seed is drawn where none was sent. Of reference images only the digest is kept."""
    images = list(inputs.images.values())
    width, height = inputs.size_after(_seen_size(inputs, images[0]) if images else None)
    return Picture(
        prompt=inputs.prompt,
        seed=secrets.randbits(32) if inputs.seed is None else inputs.seed,
        width=width,
        height=height,
        output_format=inputs.output_format or "jpeg",
        finetune_id=getattr(inputs, "finetune_id", ""),
        strength=getattr(inputs, "finetune_strength", 0.0),
        references=tuple(hashlib.sha256(image.encode()).hexdigest() for image in images),
    )


def _seen_size(inputs: Inputs, image: str) -> Size | None:
    """Of a reference image that lies in the request; None for one behind a URL, and for what is none to draw after."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(image.partition("base64,")[2] or image))) as picture:
            return inputs.seen(*picture.size) if picture.width * picture.height <= MAX_IMAGE_PIXELS else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
