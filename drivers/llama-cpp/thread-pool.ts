import koffi from "koffi";
import type { Pointer } from "./layout.ts";
import type { Device, Llama } from "./llama.ts";

/** Room for `struct ggml_threadpool_params` (ggml.h): 512 bytes of processor mask, three 32-bit numbers, two flags. */
const PARAMS_BYTES = 528;

const newThreadPool = koffi.proto("void *ggml_threadpool_new(void *params)");

/**
 * Gives a context computing threads that last and wait between steps. Left alone, ggml starts new ones for every step;
 * a step is called from a thread other than the process's first, and what that starts often shares its processor while
 * the other stands idle: two threads on two idle cores took 14 ms a step of the embedded model where one takes 1.1 ms,
 * and 0.7 ms with threads that last. They live as long as the process.
 */
export function attachThreadPool(
  llama: Llama,
  context: Pointer,
  devices: readonly Device[],
  threads: number,
): void {
  const cpu = devices.find(({ name }) => name === "CPU");
  if (cpu === undefined || threads === 1) return;
  const registry = llama.ggml_backend_dev_backend_reg(cpu.pointer);
  const create = llama.ggml_backend_reg_get_proc_address(registry, "ggml_threadpool_new");
  if (create === null) throw new Error("llama.cpp's CPU backend does not offer thread pools.");
  const params = koffi.alloc("uint8_t", PARAMS_BYTES);
  try {
    llama.ggml_threadpool_params_init(koffi.address(params), threads);
    const pool: Pointer = koffi.call(create, newThreadPool, params);
    llama.llama_attach_threadpool(context, pool, pool);
  } finally {
    koffi.free(params);
  }
}
