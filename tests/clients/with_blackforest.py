"""blackforest from PyPI, BFL's own.

Its `generate` knows the base endpoints of its day alone, and drops `finetune_id`. Its `process_image` sends an image
and any other parameter to any endpoint: here an image that the finetune shall work on.
"""

import base64
import json
import os
import urllib.request
from io import BytesIO
from pathlib import Path

from blackforest import BFLClient
from blackforest.types.general.client_config import ClientConfig
from blackforest.types.inputs.generic import ImageInput
from PIL import Image

drawn = BytesIO()
Image.new("RGB", (256, 256), "teal").save(drawn, "PNG")
picture = base64.b64encode(drawn.getvalue()).decode()

for call in json.loads(os.environ["CALLS"]):
    client = BFLClient(call["api_key"], base_url=os.environ["BASE_URL"])
    task = client.process_image(
        ImageInput(image_data=picture),
        endpoint=f"/v1/{call['endpoint']}",
        finetune_id=call["finetune_id"],
        prompt="a harbour at dawn",
        input_image=picture,
    )
    result = client.get_polling_result(task.task_id, ClientConfig(polling_interval=0.5))
    with urllib.request.urlopen(result["sample"]) as answer:
        Path(call["image"]).write_bytes(answer.read())

    # The other way, without a finetune; it polls by itself.
    base = client.generate("flux-pro-1.1", {"prompt": "a harbour"}, ClientConfig(sync=True, polling_interval=0.5))
    assert base.result["sample"].startswith(os.environ["BASE_URL"])
