import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.errors.NotFoundException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.responses.ResponseCreateParams;

/** openai-java against the gateway: one line of JSON for each case. Every answer is validated against the SDK's types. */
public final class Conformance {
  private static final String MODEL = "dolly-v2-tiny";
  private static final String QUESTION = "Who wrote the novel Tom Jones in 1749";

  private static final OpenAIClient CLIENT =
      OpenAIOkHttpClient.builder()
          .baseUrl(System.getenv("BASE_URL"))
          .apiKey("unused")
          .maxRetries(0)
          .responseValidation(true)
          .build();

  private interface Case {
    void run() throws Exception;
  }

  private static ChatCompletionCreateParams.Builder chat() {
    return ChatCompletionCreateParams.builder().model(MODEL).temperature(0.0).addUserMessage(QUESTION);
  }

  private static void expect(boolean right, String what) {
    if (!right) throw new AssertionError("expected " + what);
  }

  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c < ' ') out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    return out.append('"').toString();
  }

  private static void tell(String name, Case one) {
    String outcome = "passed";
    String detail = "";
    try {
      one.run();
    } catch (Throwable problem) {
      outcome = "failed";
      detail = String.valueOf(problem);
    }
    System.out.printf("{\"name\":%s,\"outcome\":\"%s\",\"detail\":%s}%n", quoted(name), outcome, quoted(detail));
  }

  public static void main(String[] arguments) {
    tell("models", () -> {
      expect(!CLIENT.models().list().data().isEmpty(), "models");
      expect(CLIENT.models().retrieve(MODEL).id().equals(MODEL), "the model");
    });
    tell("chat", () -> {
      var answer = CLIENT.chat().completions().create(chat().build());
      expect(answer.choices().get(0).message().content().orElse("").contains("Fielding"), "the answer");
      expect(answer.usage().isPresent(), "its usage");
    });
    tell("chat, streamed", () -> {
      var whole = ChatCompletionAccumulator.create();
      var options = ChatCompletionStreamOptions.builder().includeUsage(true).build();
      try (var stream = CLIENT.chat().completions().createStreaming(chat().streamOptions(options).build())) {
        stream.stream().forEach(whole::accumulate);
      }
      var text = whole.chatCompletion().choices().get(0).message().content().orElse("");
      expect(text.contains("Fielding"), "the answer");
    });
    tell("chat, log-probabilities", () -> {
      var answer = CLIENT.chat().completions().create(chat().logprobs(true).topLogprobs(2).build());
      var first = answer.choices().get(0).logprobs().orElseThrow().content().orElseThrow().get(0);
      expect(first.topLogprobs().size() == 2, "two alternatives");
    });
    tell("completions", () -> {
      var request = CompletionCreateParams.builder().model(MODEL).prompt("The").maxTokens(3).n(2).build();
      expect(CLIENT.completions().create(request).choices().size() == 2, "two choices");
    });
    tell("responses", () -> {
      var request = ResponseCreateParams.builder().model(MODEL).temperature(0.0).input(QUESTION).build();
      var text = CLIENT.responses().create(request).toString();
      expect(text.contains("Fielding"), "the answer");
    });
    tell("errors", () -> {
      try {
        CLIENT.chat().completions().create(chat().model("none").build());
      } catch (NotFoundException told) {
        expect(told.code().orElse("").equals("model_not_found"), "its code");
        return;
      }
      expect(false, "a 404");
    });
    System.exit(0);
  }
}
