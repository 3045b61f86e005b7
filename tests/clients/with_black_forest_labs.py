"""black-forest-labs from PyPI: `generate` sends any parameter to any endpoint; its caller polls."""

import json
import os
import time
import urllib.request
from pathlib import Path

from black_forest_labs import Client

for call in json.loads(os.environ["CALLS"]):
    client = Client(call["api_key"], base_url=os.environ["BASE_URL"])
    task = client.generate(call["endpoint"], finetune_id=call["finetune_id"], prompt="a harbour at dawn")
    while not task.is_done:
        time.sleep(0.5)
        task = client.get_result(task)
    with urllib.request.urlopen(task.result.sample) as answer:
        Path(call["image"]).write_bytes(answer.read())
