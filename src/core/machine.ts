/** A graphics processor. */
export interface GpuFacts {
  readonly vendor: "nvidia" | "amd";
  /** As its maker calls it, such as `NVIDIA A10`. */
  readonly name: string;
  /** Bytes, all and free. */
  readonly memory: number;
  readonly freeMemory: number;
  /** NVIDIA's, such as 8.6; null of others, and where an old driver does not say it. */
  readonly computeCapability: number | null;
}

/** What a machine has, as far as models are concerned. */
export interface MachineFacts {
  readonly platform: string;
  readonly arch: string;
  /** Processors that this process may use. */
  readonly cores: number;
  /** Bytes of main memory that a process can have, and that are available now; within the container's limits. */
  readonly memory: number;
  readonly availableMemory: number;
  readonly gpus: readonly GpuFacts[];
  /** Builds of engines that compute on GPUs and are installed: `cuda`, `vulkan`, `metal`. */
  readonly providers: readonly string[];
}
