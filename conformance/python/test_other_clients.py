"""instructor, litellm and llm, each as its documentation says."""

import os
import subprocess
import sys

import instructor
import litellm
import openai
from pydantic import BaseModel, Field

MESSAGES = [{"role": "user", "content": "Who wrote the novel Tom Jones in 1749"}]
BASE = os.environ["OPENAI_BASE_URL"]


class Person(BaseModel):
    name: str = Field(max_length=40)
    born: int = Field(ge=0, le=2100)


def test_instructor_json_schema():
    client = instructor.from_openai(openai.OpenAI(), mode=instructor.Mode.JSON_SCHEMA)
    person = client.chat.completions.create(model="dolly-v2-tiny", messages=MESSAGES, response_model=Person, max_retries=0)
    assert isinstance(person, Person)


def test_instructor_tools():
    client = instructor.from_openai(openai.OpenAI(), mode=instructor.Mode.TOOLS)
    person = client.chat.completions.create(model="dolly-v2-tiny", messages=MESSAGES, response_model=Person, max_retries=0)
    assert isinstance(person, Person)


def test_litellm():
    answer = litellm.completion(model="openai/dolly-v2-tiny", messages=MESSAGES, api_base=BASE, api_key="unused", temperature=0)
    assert "Fielding" in answer.choices[0].message.content


def test_litellm_stream():
    chunks = litellm.completion(
        model="openai/dolly-v2-tiny", messages=MESSAGES, api_base=BASE, api_key="unused", temperature=0, stream=True,
        stream_options={"include_usage": True},
    )
    assert "Fielding" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_litellm_text():
    answer = litellm.text_completion(
        model="text-completion-openai/dolly-v2-tiny", prompt="The", max_tokens=3, api_base=BASE, api_key="unused"
    )
    assert isinstance(answer.choices[0].text, str)


def test_llm(tmp_path):
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: dolly\n  model_name: dolly-v2-tiny\n  api_base: {BASE}\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "llm", "-m", "dolly", "-o", "temperature", "0", MESSAGES[0]["content"]],
        env={**os.environ, "LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "unused"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Fielding" in run.stdout, run.stderr
