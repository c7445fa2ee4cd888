"""LangChain's standard tests of a chat model, on its own ChatOpenAI."""

from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestDolly(ChatModelIntegrationTests):
    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        return {"model": "gpt-4o-mini", "temperature": 0, "max_tokens": 900, "stream_usage": True, "use_responses_api": False, "max_retries": 0}

    @property
    def supports_image_inputs(self):
        return False

    @property
    def supports_json_mode(self):
        return True

    @property
    def model_override_value(self):
        return "dolly-v2-tiny"
