// The official Go client against the gateway: one line of JSON for each case.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

const model = "dolly-v2-tiny"
const question = "Who wrote the novel Tom Jones in 1749"

var client = openai.NewClient(option.WithBaseURL(os.Getenv("BASE_URL")), option.WithAPIKey("unused"), option.WithMaxRetries(0))
var ctx = context.Background()

func chat() openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:       model,
		Temperature: openai.Float(0),
		Messages:    []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)},
	}
}

func expect(right bool, what string) error {
	if right {
		return nil
	}
	return errors.New("expected " + what)
}

var person = map[string]any{
	"type":                 "object",
	"properties":           map[string]any{"name": map[string]any{"type": "string", "maxLength": 40}, "born": map[string]any{"type": "integer", "minimum": 0, "maximum": 2100}},
	"required":             []string{"name", "born"},
	"additionalProperties": false,
}

func isPerson(text string) bool {
	var told struct {
		Name *string
		Born *int
	}
	return json.Unmarshal([]byte(text), &told) == nil && told.Name != nil && told.Born != nil
}

var cases = map[string]func() error{
	"models": func() error {
		page, err := client.Models.List(ctx)
		if err != nil {
			return err
		}
		one, err := client.Models.Get(ctx, model)
		if err != nil {
			return err
		}
		return expect(len(page.Data) > 0 && one.ID == model, "the model in both")
	},
	"chat": func() error {
		answer, err := client.Chat.Completions.New(ctx, chat())
		if err != nil {
			return err
		}
		return expect(strings.Contains(answer.Choices[0].Message.Content, "Fielding") && answer.Usage.CompletionTokens > 0, "the answer")
	},
	"chat, streamed": func() error {
		request := chat()
		request.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		stream := client.Chat.Completions.NewStreaming(ctx, request)
		whole := openai.ChatCompletionAccumulator{}
		for stream.Next() {
			if !whole.AddChunk(stream.Current()) {
				return errors.New("the accumulator refused a chunk")
			}
		}
		if stream.Err() != nil {
			return stream.Err()
		}
		return expect(strings.Contains(whole.Choices[0].Message.Content, "Fielding") && whole.Usage.TotalTokens > 0, "the answer and its usage")
	},
	"chat, log-probabilities": func() error {
		request := chat()
		request.Logprobs = openai.Bool(true)
		request.TopLogprobs = openai.Int(2)
		answer, err := client.Chat.Completions.New(ctx, request)
		if err != nil {
			return err
		}
		return expect(len(answer.Choices[0].Logprobs.Content[0].TopLogprobs) == 2, "two alternatives")
	},
	"structured output": func() error {
		request := chat()
		request.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "person", Schema: person, Strict: openai.Bool(true)},
		}}
		answer, err := client.Chat.Completions.New(ctx, request)
		if err != nil {
			return err
		}
		return expect(isPerson(answer.Choices[0].Message.Content), "a person")
	},
	"a call that is demanded": func() error {
		request := chat()
		request.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "find", Parameters: person})}
		request.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")}
		answer, err := client.Chat.Completions.New(ctx, request)
		if err != nil {
			return err
		}
		calls := answer.Choices[0].Message.ToolCalls
		return expect(len(calls) == 1 && calls[0].Function.Name == "find" && isPerson(calls[0].Function.Arguments), "a valid call")
	},
	"completions": func() error {
		answer, err := client.Completions.New(ctx, openai.CompletionNewParams{
			Model: model, Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("The")}, MaxTokens: openai.Int(3), N: openai.Int(2),
		})
		if err != nil {
			return err
		}
		return expect(len(answer.Choices) == 2, "two choices")
	},
	"responses": func() error {
		answer, err := client.Responses.New(ctx, responses.ResponseNewParams{
			Model: model, Temperature: openai.Float(0), Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(question)},
		})
		if err != nil {
			return err
		}
		return expect(strings.Contains(answer.OutputText(), "Fielding"), "the answer")
	},
	"errors": func() error {
		request := chat()
		request.Model = "none"
		_, err := client.Chat.Completions.New(ctx, request)
		var told *openai.Error
		return expect(errors.As(err, &told) && told.StatusCode == 404 && told.Code == "model_not_found", "a 404 with its code")
	},
}

func main() {
	for name, run := range cases {
		line := map[string]string{"name": name, "outcome": "passed", "detail": ""}
		if err := run(); err != nil {
			line["outcome"], line["detail"] = "failed", err.Error()
		}
		told, _ := json.Marshal(line)
		fmt.Println(string(told))
	}
}
