"""openai from PyPI: models, an image in base64, and an error in its own classes."""

import base64
import json
import os
from pathlib import Path

from openai import NotFoundError, OpenAI

for call in json.loads(os.environ["CALLS"]):
    client = OpenAI(api_key=call["api_key"], base_url=f"{os.environ['BASE_URL']}/v1")
    assert call["finetune_id"] in {model.id for model in client.models.list()}
    answer = client.images.generate(
        model=call["finetune_id"],
        prompt="a harbour at dawn",
        quality="hd",
        response_format="b64_json",
        size="1024x1024",
        extra_body={"seed": 7, "strength": 0.8},
    )
    Path(call["image"]).write_bytes(base64.b64decode(answer.data[0].b64_json))

    try:
        client.images.generate(model="nothing-here", prompt="a harbour at dawn")
    except NotFoundError as error:
        told = (error.code, error.param)
    assert told == ("model_not_found", "model")
