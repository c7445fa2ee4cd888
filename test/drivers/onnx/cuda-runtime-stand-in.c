/*
 * The functions of CUDA's runtime that the driver calls itself, over main memory: STAND_IN_GPUS GPUs of STAND_IN_BYTES
 * each. Nothing is computed.
 */
#include <stdlib.h>
#include <string.h>

#ifndef STAND_IN_GPUS
#define STAND_IN_GPUS 1
#endif
#ifndef STAND_IN_BYTES
#define STAND_IN_BYTES (1u << 20)
#endif

enum { OUT_OF_MEMORY = 2, NO_DEVICE = 100, WRONG_KIND = 21 };

static size_t taken;

int cudaGetDeviceCount(int *count) {
  *count = STAND_IN_GPUS;
  return STAND_IN_GPUS == 0 ? NO_DEVICE : 0;
}

int cudaSetDevice(int device) { return device < STAND_IN_GPUS ? 0 : NO_DEVICE; }

int cudaMemGetInfo(size_t *free_bytes, size_t *total) {
  *free_bytes = STAND_IN_BYTES - taken;
  *total = STAND_IN_BYTES;
  return 0;
}

/* What was in it before stands before the memory: its size. */
int cudaMalloc(void **out, size_t bytes) {
  if (taken + bytes > STAND_IN_BYTES) return OUT_OF_MEMORY;
  size_t *block = malloc(sizeof(size_t) + bytes);
  *block = bytes;
  taken += bytes;
  *out = block + 1;
  memset(*out, 0xaa, bytes);
  return 0;
}

int cudaFree(void *address) {
  size_t *block = (size_t *)address - 1;
  taken -= *block;
  free(block);
  return 0;
}

int cudaMemset(void *address, int value, size_t bytes) {
  memset(address, value, bytes);
  return 0;
}

int cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height, int kind) {
  if (kind != 3) return WRONG_KIND;
  for (size_t row = 0; row < height; row++)
    memcpy((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width);
  return 0;
}

int cudaDeviceSynchronize(void) { return 0; }

const char *cudaGetErrorString(int error) {
  switch (error) {
    case OUT_OF_MEMORY: return "out of memory";
    case NO_DEVICE: return "no CUDA-capable device is detected";
    default: return "invalid argument";
  }
}
