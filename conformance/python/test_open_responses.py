"""What the compliance suite of Open Responses asks, held to the types of its specification, which hold every field that it requires."""

import json
import os
import urllib.error
import urllib.request

import pytest
from openresponses_types import types
from pydantic import TypeAdapter

BASE = os.environ["BASE_URL"]
QUESTION = "Who wrote the novel Tom Jones in 1749"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string", "maxLength": 40}}, "required": ["location"]},
}
EVENTS = {
    model.model_fields["type"].annotation: TypeAdapter(model)
    for name, model in vars(types).items()
    if name.endswith("StreamingEvent")
}
BY_TYPE = {value.value: adapter for kind, adapter in EVENTS.items() for value in kind}


def message(role, content, **more):
    return {"type": "message", "role": role, "content": content, **more}


def request(path, body=None):
    data = None if body is None else json.dumps({"model": "dolly-v2-tiny", "temperature": 0, **body}).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer unused"}
    return urllib.request.urlopen(urllib.request.Request(BASE + path, data=data, headers=headers), timeout=60)


def create(**body):
    with request("/responses", body) as answer:
        return types.ResponseResource.model_validate(json.load(answer))


def events(**body):
    with request("/responses", {**body, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = answer.read().decode().split("\n\n")
    told = []
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" not in fields:
            continue
        event = json.loads(fields["data"])
        assert fields["event"] == event["type"]
        BY_TYPE[event["type"]].validate_python(event)
        told.append(event)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert told[0]["type"] == "response.created"
    return told


def test_basic_response():
    response = create(input=[message("user", QUESTION)])
    assert response.status == "completed" and response.output[0].type == "message"
    assert "Fielding" in response.output[0].content[0].text


def test_streaming_response():
    told = events(input=[message("user", QUESTION)])
    deltas = "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta")
    whole = told[-1]["response"]
    assert told[-1]["type"] == "response.completed" and whole["status"] == "completed"
    assert "Fielding" in deltas and whole["output"][0]["content"][0]["text"] == deltas


def test_system_prompt():
    turns = [message("system", "You answer questions about books."), message("user", QUESTION)]
    assert create(input=turns, frequency_penalty=1).status == "completed"


def test_multi_turn():
    turns = [message("user", "My name is Alice."), message("assistant", "Hello Alice!"), message("user", "What is my name?")]
    assert create(input=turns).output


def test_assistant_phases():
    turns = [
        message("user", QUESTION),
        message("assistant", "It was Henry Fielding.", phase="final_answer"),
        message("user", "When did he write it"),
    ]
    assert create(input=turns).status == "completed"


def test_tool_calling():
    call = create(input=[message("user", "What is the weather in San Francisco?")], tools=[WEATHER], tool_choice="required").output[0]
    assert call.type == "function_call" and call.name == "get_weather"
    assert isinstance(json.loads(call.arguments)["location"], str)


def test_tool_calling_streaming():
    told = events(input=[message("user", "What is the weather in San Francisco?")], tools=[WEATHER], tool_choice="required")
    kinds = [event["type"] for event in told]
    assert "response.function_call_arguments.delta" in kinds and "response.function_call_arguments.done" in kinds
    added = [event["item"]["type"] for event in told if event["type"] in ("response.output_item.added", "response.output_item.done")]
    assert added == ["function_call", "function_call"]


def test_continuation_of_a_stored_response():
    first = create(input=QUESTION, store=True)
    second = create(input="When did he write it", previous_response_id=first.id)
    assert second.previous_response_id == first.id and second.usage.input_tokens > first.usage.input_tokens


def test_what_is_asked_is_told():
    asked = {"presence_penalty": 0.5, "frequency_penalty": 0.25, "top_p": 0.5, "max_output_tokens": 12, "store": False, "metadata": {"a": "b"}}
    told = create(input=QUESTION, **asked).model_dump()
    assert {name: told[name] for name in asked} == asked


def test_incomplete_response():
    response = create(input=QUESTION, max_output_tokens=1)
    assert response.status == "incomplete" and response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    "body",
    [
        {"input": QUESTION, "previous_response_id": "resp_none"},
        {"input": QUESTION, "temperature": 9},
        {"input": [message("user", [{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}])]},
    ],
    ids=["previous response that is not stored", "temperature out of range", "image"],
)
def test_errors(body):
    with pytest.raises(urllib.error.HTTPError) as failed:
        request("/responses", body)
    assert failed.value.code in (400, 404)
    error = json.load(failed.value)["error"]
    assert error["message"] and error["type"] == "invalid_request_error" and error["param"]
