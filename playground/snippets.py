"""What a reader pastes into a shell to call the API; the README prints the same text."""

import json
import shlex

from dashboard.organizations.models import Organization
from finetunes.models import Finetune

SCENE = "a harbour at dawn"
CURL = """\
submitted=$(curl -sS -X POST "$BFL_API{path}" \\
  -H "x-key: $BFL_API_KEY" -H "Content-Type: application/json" \\
  -d {body})
echo "$submitted"
polling_url=$(echo "$submitted" | sed -n 's/.*"polling_url":"\\([^"]*\\)".*/\\1/p')

while [ -n "$polling_url" ]; do
  result=$(curl -sS "$polling_url")
  case $result in
    *'"status":"Pending"'*) sleep 0.5 ;;
    *) echo "$result"; break ;;
  esac
done
"""


def curl_snippet(finetune: Finetune, caller: Organization) -> str:
    """For any POSIX shell with curl: asks for one image with the finetune, and waits for it."""
    phrase = finetune.trigger_phrase
    body = {
        "finetune_id": finetune.id_for(caller),
        "finetune_strength": 1.0,
        "prompt": f"{phrase}, {SCENE}" if phrase else SCENE.capitalize(),
    }
    return CURL.format(path=finetune.endpoint.path, body=shlex.quote(json.dumps(body, ensure_ascii=False)))
