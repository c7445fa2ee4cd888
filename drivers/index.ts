import type { Driver } from "../src/core/driver.ts";
import { fake } from "./fake/index.ts";
import { llamaCpp } from "./llama-cpp/index.ts";
import { onnx } from "./onnx/index.ts";
import { openai } from "./openai/index.ts";

/** Every driver; the first serves what is given on the command line. A new one is a folder and a line here. */
export const drivers: readonly Driver[] = [llamaCpp, onnx, openai, fake];
