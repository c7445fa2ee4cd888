/*
 * Functions of CUDA's runtime over main memory: STAND_IN_GPUS GPUs of STAND_IN_BYTES each, of compute capability
 * STAND_IN_CAPABILITY and else of an Ampere card's properties. Nothing is computed: what would be launched is counted, and what
 * would not have been finished when it was used. Places in structures are those of CUDA 13.
 */
#include <stdlib.h>
#include <string.h>

#ifndef STAND_IN_GPUS
#define STAND_IN_GPUS 1
#endif
#ifndef STAND_IN_BYTES
#define STAND_IN_BYTES (1u << 20)
#endif
#ifndef STAND_IN_CAPABILITY
#define STAND_IN_CAPABILITY 86
#endif

enum { OUT_OF_MEMORY = 2, WRONG_KIND = 21, NO_DEVICE = 100 };
enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2, DEVICE_TO_DEVICE = 3 };
enum { SHARED_MEMORY = 101376, MOST_GPUS = 8 };

static size_t taken[MOST_GPUS];
static int something;
/* Of each thread. */
static __thread int current;

/* What the tests ask. */
int stand_in_captures, stand_in_graph_launches, stand_in_kernel_launches;
/* Copies from one place of a GPU to another. */
int stand_in_moves;
/* Work that was begun on what other work, in a stream that it does not wait for, had not finished. */
int stand_in_races;
/* Bytes that were ever taken of each GPU, whether given back or not. */
size_t stand_in_taken[MOST_GPUS];

/* Streams are made such that they do not wait for the one without a name, nor it for them. */
static int unfinished, unfinished_in_streams;
static int named(const void *stream) { return stream == &something; }

static void begins(const void *stream) {
  if (named(stream)) {
    stand_in_races += unfinished;
    unfinished_in_streams = 1;
  } else {
    stand_in_races += unfinished_in_streams;
    unfinished = 1;
  }
}

static void finishes(const void *stream) {
  if (named(stream)) unfinished_in_streams = 0;
  else unfinished = 0;
}

int cudaGetDeviceCount(int *count) {
  *count = STAND_IN_GPUS;
  return STAND_IN_GPUS == 0 ? NO_DEVICE : 0;
}

int cudaGetDevice(int *device) {
  *device = current;
  return 0;
}

int cudaSetDevice(int device) {
  if (device >= STAND_IN_GPUS) return NO_DEVICE;
  current = device;
  return 0;
}

static void put_int(char *at, int value) { memcpy(at, &value, sizeof value); }
static void put_size(char *at, size_t value) { memcpy(at, &value, sizeof value); }

int cudaGetDeviceProperties(char *properties, int device) {
  memset(properties, 0, 1008);
  strcpy(properties, "Stand-in");
  put_size(properties + 288, STAND_IN_BYTES);
  put_size(properties + 296, 49152);
  put_int(properties + 304, 65536);
  put_int(properties + 308, 32);
  put_int(properties + 320, 1024);
  for (int i = 0; i < 3; i++) put_int(properties + 324 + 4 * i, i < 2 ? 1024 : 64);
  for (int i = 0; i < 3; i++) put_int(properties + 336 + 4 * i, i < 1 ? 2147483647 : 65535);
  put_size(properties + 352, 65536);
  put_int(properties + 360, STAND_IN_CAPABILITY / 10);
  put_int(properties + 364, STAND_IN_CAPABILITY % 10);
  put_int(properties + 384, 40);
  put_int(properties + 596, 6 << 20);
  put_int(properties + 604, 1536);
  put_size(properties + 624, 102400);
  put_int(properties + 632, 65536);
  put_size(properties + 672, SHARED_MEMORY);
  return 0;
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case 16: *value = 40; return 0;
    case 75: *value = STAND_IN_CAPABILITY / 10; return 0;
    case 76: *value = STAND_IN_CAPABILITY % 10; return 0;
    case 97: *value = SHARED_MEMORY; return 0;
    default: *value = 1; return 0;
  }
}

int cudaDriverGetVersion(int *version) {
  *version = 13000;
  return 0;
}

int cudaRuntimeGetVersion(int *version) { return cudaDriverGetVersion(version); }

int cudaMemGetInfo(size_t *free_bytes, size_t *total) {
  *free_bytes = STAND_IN_BYTES - taken[current];
  *total = STAND_IN_BYTES;
  return 0;
}

/* A block's size and its GPU stand before it. */
int cudaMalloc(void **out, size_t bytes) {
  if (taken[current] + bytes > STAND_IN_BYTES) return OUT_OF_MEMORY;
  size_t *block = malloc(256 + bytes);
  block[0] = bytes;
  block[1] = current;
  taken[current] += bytes;
  stand_in_taken[current] += bytes;
  *out = (char *)block + 256;
  memset(*out, 0xaa, bytes);
  return 0;
}

int cudaFree(void *address) {
  if (address == NULL) return 0;
  size_t *block = (size_t *)((char *)address - 256);
  taken[block[1]] -= block[0];
  free(block);
  return 0;
}

int cudaMallocHost(void **out, size_t bytes) {
  *out = malloc(bytes);
  return 0;
}

int cudaHostAlloc(void **out, size_t bytes, unsigned flags) { return cudaMallocHost(out, bytes); }

int cudaFreeHost(void *address) {
  free(address);
  return 0;
}

int cudaMemsetAsync(void *address, int value, size_t bytes, void *stream) {
  begins(stream);
  memset(address, value, bytes);
  return 0;
}

int cudaMemset(void *address, int value, size_t bytes) { return cudaMemsetAsync(address, value, bytes, NULL); }

int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
  begins(stream);
  if (kind == DEVICE_TO_HOST) finishes(stream);
  stand_in_moves += kind == DEVICE_TO_DEVICE;
  memmove(to, from, bytes);
  return 0;
}

int cudaMemcpy(void *to, const void *from, size_t bytes, int kind) {
  return cudaMemcpyAsync(to, from, bytes, kind, NULL);
}

int cudaMemcpyFromSymbol(void *to, const void *symbol, size_t bytes, size_t offset, int kind) {
  memset(to, 0, bytes);
  return 0;
}

int cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height, int kind) {
  if (kind != DEVICE_TO_DEVICE) return WRONG_KIND;
  begins(NULL);
  for (size_t row = 0; row < height; row++)
    memcpy((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width);
  return 0;
}

int cudaPointerGetAttributes(char *attributes, const void *address) {
  memset(attributes, 0, 88);
  put_int(attributes, 2);
  return 0;
}

static int handed_out(void **out) {
  *out = &something;
  return 0;
}

int cudaStreamCreate(void **stream) { return handed_out(stream); }
int cudaStreamCreateWithFlags(void **stream, unsigned flags) { return handed_out(stream); }
int cudaEventCreate(void **event) { return handed_out(event); }
int cudaEventCreateWithFlags(void **event, unsigned flags) { return handed_out(event); }

int cudaStreamIsCapturing(void *stream, int *status) {
  *status = 0;
  return 0;
}

int cudaStreamEndCapture(void *stream, void **graph) {
  stand_in_captures += 1;
  return handed_out(graph);
}

int cudaGraphInstantiate(void **executable, void *graph, unsigned long long flags) { return handed_out(executable); }

int cudaGraphLaunch(void *executable, void *stream) {
  begins(stream);
  stand_in_graph_launches += 1;
  return 0;
}

struct extent { unsigned x, y, z; };

int cudaLaunchKernel(const void *kernel, struct extent grid, struct extent block, void **args, size_t shared, void *stream) {
  begins(stream);
  stand_in_kernel_launches += 1;
  return 0;
}

/* What a compiler of CUDA 13 makes of a launch. */
static __thread struct { struct extent grid, block; size_t shared; void *stream; } pushed;

unsigned __cudaPushCallConfiguration(struct extent grid, struct extent block, size_t shared, void *stream) {
  pushed.grid = grid;
  pushed.block = block;
  pushed.shared = shared;
  pushed.stream = stream;
  return 0;
}

int __cudaPopCallConfiguration(struct extent *grid, struct extent *block, size_t *shared, void **stream) {
  *grid = pushed.grid;
  *block = pushed.block;
  *shared = pushed.shared;
  *stream = pushed.stream;
  return 0;
}

int __cudaLaunchKernel(const void *kernel, struct extent grid, struct extent block, void **args, size_t shared, void *stream) {
  return cudaLaunchKernel(kernel, grid, block, args, shared, stream);
}

int cudaGetDriverEntryPointByVersion(const char *name, void **function, unsigned version, unsigned long long flags, int *found) {
  *function = NULL;
  if (found != NULL) *found = 1;
  return 0;
}

int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *kernel, int size, size_t shared, unsigned flags) {
  *blocks = 2;
  return 0;
}

int cudaFuncGetAttributes(char *attributes, const void *kernel) {
  memset(attributes, 0, 144);
  return 0;
}

void *__cudaRegisterFatBinary(void *binary) { return &something; }

int cudaStreamSynchronize(void *stream) {
  finishes(stream);
  return 0;
}

int cudaDeviceSynchronize(void) {
  finishes(NULL);
  finishes(&something);
  return 0;
}

const char *cudaGetErrorString(int error) {
  switch (error) {
    case OUT_OF_MEMORY: return "out of memory";
    case NO_DEVICE: return "no CUDA-capable device is detected";
    default: return "invalid argument";
  }
}

const char *cudaGetErrorName(int error) { return cudaGetErrorString(error); }
