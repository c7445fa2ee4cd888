"""The openai SDK with every answer held to its types: what does not fit one raises."""

import os

import openai
import pytest
from pydantic import BaseModel, Field

client = openai.OpenAI(_strict_response_validation=True, max_retries=0)
MODEL = "dolly-v2-tiny"
MESSAGES = [{"role": "user", "content": "Who wrote the novel Tom Jones in 1749"}]


class Person(BaseModel):
    name: str = Field(max_length=40)
    born: int = Field(ge=0, le=2100)


TOOL = {
    "type": "function",
    "function": {"name": "find", "parameters": Person.model_json_schema()},
}


def chat(**more):
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=0, **more)


def test_models():
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def test_chat():
    assert "Fielding" in chat().choices[0].message.content


def test_chat_logprobs():
    content = chat(logprobs=True, top_logprobs=3).choices[0].logprobs.content
    assert all(len(token.top_logprobs) == 3 for token in content)


def test_chat_stream():
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Fielding" in text
    assert chunks[-1].usage.completion_tokens > 0


def test_chat_stream_helper():
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, temperature=0) as stream:
        for _ in stream:
            pass
        assert "Fielding" in stream.get_final_completion().choices[0].message.content


def test_chat_parse():
    parsed = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Person)
    assert isinstance(parsed.choices[0].message.parsed, Person)


def test_chat_tools():
    answer = chat(tools=[TOOL], tool_choice="required")
    call = answer.choices[0].message.tool_calls[0]
    assert Person.model_validate_json(call.function.arguments)


def test_chat_tools_stream():
    chunks = list(chat(tools=[TOOL], tool_choice="required", stream=True))
    parts = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert parts[0].function.name == "find"
    assert Person.model_validate_json("".join(part.function.arguments for part in parts))


def test_completions():
    answer = client.completions.create(model=MODEL, prompt="The", max_tokens=3, logprobs=2)
    assert len(answer.choices[0].logprobs.top_logprobs) == 3


def test_completions_stream():
    chunks = list(client.completions.create(model=MODEL, prompt=["A", "B"], max_tokens=3, n=2, stream=True))
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1, 2, 3}


def test_responses():
    response = client.responses.create(model=MODEL, input=MESSAGES[0]["content"], temperature=0)
    assert "Fielding" in response.output_text
    assert client.responses.retrieve(response.id).output_text == response.output_text
    assert list(client.responses.input_items.list(response.id))
    client.responses.delete(response.id)


def test_responses_stream():
    with client.responses.stream(model=MODEL, input=MESSAGES[0]["content"], temperature=0) as stream:
        types = [event.type for event in stream]
        assert "Fielding" in stream.get_final_response().output_text
    assert types[0] == "response.created"
    assert types[-1] == "response.completed"


def test_responses_parse():
    response = client.responses.parse(model=MODEL, input="Somebody", text_format=Person)
    assert isinstance(response.output_parsed, Person)


def test_errors():
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-none", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        chat(top_p=7)
    assert wrong.value.param == "top_p"


async def _async_chat():
    async with openai.AsyncOpenAI(_strict_response_validation=True, max_retries=0) as other:
        answer = await other.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=0)
        return answer.choices[0].message.content


def test_async():
    import asyncio

    assert "Fielding" in asyncio.run(_async_chat())


def test_base_url():
    assert os.environ["OPENAI_BASE_URL"].rstrip("/") == str(client.base_url).rstrip("/")
