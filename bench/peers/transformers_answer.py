"""Answers with Hugging Face transformers, for `npm run bench -- --transformers PYTHON`.

usage: transformers_answer.py CHECKPOINT THREADS

Loads a GPT-NeoX checkpoint in float32 and in bfloat16. For each line of JSON on stdin,
{"prompt": [ids], "tokens": n, "dtype": "float32"}, generates n tokens greedily and prints the seconds that it took.
"""
import json
import sys
import time

import torch
from transformers import GPTNeoXForCausalLM

torch.set_num_threads(int(sys.argv[2]))
models = {
    name: GPTNeoXForCausalLM.from_pretrained(sys.argv[1], dtype=getattr(torch, name)).eval()
    for name in ("float32", "bfloat16")
}
print("ready", flush=True)
for line in sys.stdin:
    wanted = json.loads(line)
    prompt = torch.tensor([wanted["prompt"]])
    began = time.perf_counter()
    with torch.inference_mode():
        answer = models[wanted["dtype"]].generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            min_new_tokens=wanted["tokens"],
            max_new_tokens=wanted["tokens"],
            do_sample=False,
            pad_token_id=0,
        )
    seconds = time.perf_counter() - began
    assert answer.shape[1] == prompt.shape[1] + wanted["tokens"]
    print(seconds, flush=True)
