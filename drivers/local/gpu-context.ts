/** What CUDA itself takes of a GPU's memory for a process: its context, and the libraries' kernels and workspaces. Not measured. */
export const GPU_CONTEXT_BYTES = 500e6;
