//! async-openai against the gateway: one line of JSON for each case. It reads answers into types that are closed, so a field of
//! another form is an error.

use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessageArgs, ChatCompletionStreamOptions, CreateChatCompletionRequest,
    CreateChatCompletionRequestArgs,
};
use async_openai::types::completions::CreateCompletionRequestArgs;
use async_openai::types::responses::CreateResponseArgs;
use async_openai::Client;
use futures::StreamExt;
use serde_json::json;

const MODEL: &str = "dolly-v2-tiny";
const QUESTION: &str = "Who wrote the novel Tom Jones in 1749";

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn expect(right: bool, what: &str) -> Outcome {
    if right { Ok(()) } else { Err(format!("expected {what}").into()) }
}

fn chat(model: &str) -> Result<CreateChatCompletionRequest, OpenAIError> {
    CreateChatCompletionRequestArgs::default()
        .model(model)
        .temperature(0.0)
        .messages([ChatCompletionRequestUserMessageArgs::default().content(QUESTION).build()?.into()])
        .build()
}

async fn models(client: &Client<OpenAIConfig>) -> Outcome {
    let listed = client.models().list().await?;
    let one = client.models().retrieve(MODEL).await?;
    expect(!listed.data.is_empty() && one.id == MODEL, "the model in both")
}

async fn whole(client: &Client<OpenAIConfig>) -> Outcome {
    let answer = client.chat().create(chat(MODEL)?).await?;
    let text = answer.choices[0].message.content.clone().unwrap_or_default();
    expect(text.contains("Fielding") && answer.usage.is_some(), "the answer and its usage")
}

async fn streamed(client: &Client<OpenAIConfig>) -> Outcome {
    let mut request = chat(MODEL)?;
    request.stream_options = Some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None });
    let mut stream = client.chat().create_stream(request).await?;
    let mut text = String::new();
    let mut usage = false;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        usage = usage || chunk.usage.is_some();
        for choice in chunk.choices {
            text.push_str(&choice.delta.content.unwrap_or_default());
        }
    }
    expect(text.contains("Fielding") && usage, "the answer and its usage")
}

async fn logprobs(client: &Client<OpenAIConfig>) -> Outcome {
    let mut request = chat(MODEL)?;
    request.logprobs = Some(true);
    request.top_logprobs = Some(2);
    let answer = client.chat().create(request).await?;
    let content = answer.choices[0].logprobs.as_ref().and_then(|told| told.content.as_ref());
    expect(content.is_some_and(|tokens| tokens[0].top_logprobs.len() == 2), "two alternatives")
}

async fn completions(client: &Client<OpenAIConfig>) -> Outcome {
    let request = CreateCompletionRequestArgs::default().model(MODEL).prompt("The").max_tokens(3u32).n(2u8).logprobs(1u8).build()?;
    let answer = client.completions().create(request).await?;
    expect(answer.choices.len() == 2, "two choices")
}

async fn responses(client: &Client<OpenAIConfig>) -> Outcome {
    let request = CreateResponseArgs::default().model(MODEL).input(QUESTION).temperature(0.0).build()?;
    let answer = client.responses().create(request).await?;
    expect(answer.output_text().unwrap_or_default().contains("Fielding"), "the answer")
}

async fn errors(client: &Client<OpenAIConfig>) -> Outcome {
    match client.chat().create(chat("none")?).await {
        Err(OpenAIError::ApiError(told)) => expect(format!("{told:?}").contains("model_not_found"), "its code"),
        other => Err(format!("expected an error of the API, got {other:?}").into()),
    }
}

fn tell(name: &str, outcome: Outcome) {
    let (word, detail) = match outcome {
        Ok(()) => ("passed", String::new()),
        Err(error) => ("failed", error.to_string()),
    };
    println!("{}", json!({ "name": name, "outcome": word, "detail": detail }));
}

#[tokio::main]
async fn main() {
    let base = std::env::var("BASE_URL").expect("BASE_URL");
    let client = Client::with_config(OpenAIConfig::new().with_api_base(base).with_api_key("unused"));
    tell("models", models(&client).await);
    tell("chat", whole(&client).await);
    tell("chat, streamed", streamed(&client).await);
    tell("chat, log-probabilities", logprobs(&client).await);
    tell("completions", completions(&client).await);
    tell("responses", responses(&client).await);
    tell("errors", errors(&client).await);
}
