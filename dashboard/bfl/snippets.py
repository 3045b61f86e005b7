"""Source texts that make a call of the BFL wire: for a shell, for Python and for Node; none holds a key."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

# They turn the order of what is read around, or end a line; in source code nobody would see that they are there.
UNSEEN = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
MAX_SAFE_INTEGER = 2**53 - 1
EXPORT = "export BFL_API={host}\n\n"
CURL = """\
submitted=$({call})
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
CURL_CALL = """\
curl -sS -X POST "$BFL_API{path}" \\
  -H "x-key: $BFL_API_KEY" -H "Content-Type: application/json" \\
  -d {body}"""
PRINT = "printf '%s' {word}"
SEED = '"$seed"'
PYTHON_IMAGE = """\
def image(name):
    with open(name, "rb") as file:
        return base64.b64encode(file.read()).decode()


"""
PYTHON = """\
submitted = requests.post(
    {url},
    headers={{"x-key": os.environ["BFL_API_KEY"]}},
    json={{
{members}
    }},
    timeout=30,
)
if not submitted.ok:
    raise SystemExit(submitted.text)
polling_url = submitted.json()["polling_url"]

while True:
    answer = requests.get(polling_url, timeout=30).json()
    if answer.get("status") != "Pending":
        break
    time.sleep(0.5)

if answer.get("status") != "Ready":  # an error, or moderated: nothing is charged
    raise SystemExit(answer)
print(answer["result"]["sample"])
"""
JAVASCRIPT_IMAGE = """\
import { readFile } from "node:fs/promises";

const image = (name) => readFile(name, "base64");

"""
JAVASCRIPT = """\
const submitted = await fetch({url}, {{
  method: "POST",
  headers: {{ "x-key": process.env.BFL_API_KEY, "Content-Type": "application/json" }},
  body: JSON.stringify({{
{members}
  }}),
}});
if (!submitted.ok) throw new Error(await submitted.text());
const {{ polling_url }} = await submitted.json();

let answer;
while (true) {{
  answer = await (await fetch(polling_url)).json();
  if (answer.status !== "Pending") break;
  await new Promise((resolve) => setTimeout(resolve, 500));
}}

// An error, or moderated: nothing is charged.
if (answer.status !== "Ready") throw new Error(JSON.stringify(answer));
console.log(answer.result.sample);
"""


@dataclass(frozen=True)
class Snippet:
    """One language: how it is called, what it runs with, and the text."""

    language: str
    label: str
    runs_with: str
    text: str


@dataclass(frozen=True)
class Call:
    """One request, or `count` of them one after the other; or one for each of `seeds`, which then are not in the body.

    `files` are images that lie beside the text, by the field of the body that each goes into.
    """

    base_url: str
    path: str
    body: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    count: int = 1
    seeds: Sequence[int] = ()


def list_snippets(call: Call) -> list[Snippet]:
    """Each makes the images, waits for the end of each and prints where it is."""
    curl = EXPORT.format(host=shlex.quote(call.base_url)) + curl_snippet(call)
    return [
        Snippet("curl", "curl", "a POSIX shell and curl", curl),
        Snippet("python", "Python", "Python 3 and requests", python_snippet(call)),
        Snippet("javascript", "JavaScript", "Node 18 or later, as a .mjs file", javascript_snippet(call)),
    ]


def literal(value: object) -> str:
    """As JSON, whose texts are texts in Python and in JavaScript as well, as long as none is split into surrogates."""
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


# --- A shell --------------------------------------------------------------------------------------------------------


def curl_snippet(call: Call) -> str:
    """For any POSIX shell with curl, which knows the address of this server as $BFL_API."""
    *commands, body = _shell_body(call)
    if commands:
        # Through a pipe: images are longer than an argument may be. curl takes the ends of lines out of what -d reads.
        lines = " &&\n".join(f"  {command}" for command in [*commands, body])
        text = CURL.format(call=f"{{\n{lines}\n}} | {CURL_CALL.format(path=call.path, body='@-')}")
    else:
        text = CURL.format(call=CURL_CALL.format(path=call.path, body=body))
    if call.count == 1 and not call.seeds:
        return text
    name, values = ("seed", call.seeds) if call.seeds else ("number", range(1, call.count + 1))
    return f"for {name} in {' '.join(map(str, values))}; do\n{_within(text)}done\n"


def _shell_body(call: Call) -> list[str]:
    """The body as one word of the shell; with files, as the commands that print it, one after the other."""
    texts = [literal(dict(call.body))[:-1]]
    if call.seeds:
        texts = [f'{texts[0]}, "seed": ', SEED, ""]
    commands = []
    for name, file in call.files.items():
        texts[-1] += f', {literal(name)}: "'
        commands += [PRINT.format(word=_word(texts)), f"base64 < {shlex.quote(file)}"]
        texts = ['"']
    texts[-1] += "}"
    return [*commands, PRINT.format(word=_word(texts)) if commands else _word(texts)]


def _word(texts: Sequence[str]) -> str:
    return "".join(text if text is SEED else shlex.quote(text) for text in texts)


# --- Python ---------------------------------------------------------------------------------------------------------


def python_snippet(call: Call) -> str:
    members = [f"{literal(name)}: {_python(value)}" for name, value in call.body.items()]
    members += ['"seed": seed'] if call.seeds else []
    members += [f"{literal(name)}: image({literal(file)})" for name, file in call.files.items()]
    text = PYTHON.format(url=literal(call.base_url + call.path), members=_lines(members, 8))
    if call.seeds:
        text = f"for seed in {literal(list(call.seeds))}:\n{_within(text, 4)}"
    elif call.count > 1:
        text = f"for _ in range({call.count}):\n{_within(text, 4)}"
    modules = ["base64", "os", "time"] if call.files else ["os", "time"]
    imports = "".join(f"import {name}\n" for name in modules)
    between = f"\n\n{PYTHON_IMAGE}" if call.files else "\n"
    return f"{imports}\nimport requests\n{between}{text}"


def _python(value: object) -> str:
    return str(value) if isinstance(value, bool) else literal(value)


# --- JavaScript -----------------------------------------------------------------------------------------------------


def javascript_snippet(call: Call) -> str:
    members = [f"{name}: {_javascript(value)}" for name, value in call.body.items()]
    members += ["seed"] if call.seeds else []
    members += [f"{name}: await image({literal(file)})" for name, file in call.files.items()]
    text = JAVASCRIPT.format(url=literal(call.base_url + call.path), members=_lines(members, 4))
    if call.seeds:
        text = f"for (const seed of [{', '.join(map(_javascript, call.seeds))}]) {{\n{_within(text)}}}\n"
    elif call.count > 1:
        text = f"for (let number = 1; number <= {call.count}; number += 1) {{\n{_within(text)}}}\n"
    return (JAVASCRIPT_IMAGE if call.files else "") + text


def _javascript(value: object) -> str:
    """Its numbers are exact up to 2^53; larger ones go as text, which the wire reads as well."""
    is_too_large = isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER
    return literal(str(value) if is_too_large else value)


def _lines(members: Sequence[str], spaces: int) -> str:
    return indent(",\n".join(members) + ",", " " * spaces)


def _within(text: str, spaces: int = 2) -> str:
    return indent(text, " " * spaces)
