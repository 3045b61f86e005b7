"""litellm from PyPI: its own BFL provider polls BFL's hosts alone, so it comes by OpenAI's way in."""

import json
import os
import urllib.request
from pathlib import Path

import litellm

for call in json.loads(os.environ["CALLS"]):
    answer = litellm.image_generation(
        model=f"openai/{call['finetune_id']}",
        prompt="a harbour at dawn",
        api_base=f"{os.environ['BASE_URL']}/v1",
        api_key=call["api_key"],
        size="1024x1024",
    )
    with urllib.request.urlopen(answer.data[0].url) as image:
        Path(call["image"]).write_bytes(image.read())
