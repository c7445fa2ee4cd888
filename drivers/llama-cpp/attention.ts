/** Values that ggml's half-precision dot product takes at once on the widest processors (`GGML_F16_STEP`). */
const DOT_STEP = 64;

/**
 * Whether attention is computed in one fused operation ("flash attention"). On a CPU ggml's fused one takes a dot
 * product for each head and position, and what is left of a head beyond whole steps one value at a time: with heads of
 * 80 values (dolly-v2-3b) an answer's token takes as long either way behind some 100 tokens, 1.3 times as long behind 400
 * and 1.7 times behind 1,000, while prompts take 0.85 of the time. With heads of 128 (7b, 12b) answers are equal and
 * prompts gain.
 * See docs/decisions/0005-where-the-time-of-a-step-goes.md.
 */
export function attention(
  wanted: "auto" | "on" | "off",
  { onGpu, headSize }: { onGpu: boolean; headSize: number },
): "auto" | "on" | "off" {
  return wanted === "auto" && !onGpu && headSize % DOT_STEP !== 0 ? "off" : wanted;
}
