import type { LibraryHandle } from "koffi";
import { openLibrary } from "../../local/preload.ts";

/** Memory of a GPU, by its address there. */
export type DeviceAddress = bigint;

/** `cudaMemcpyKind` of driver_types.h. */
const HOST_TO_DEVICE = 1;
const DEVICE_TO_HOST = 2;
const DEVICE_TO_DEVICE = 3;
/** `cudaDeviceAttr` of driver_types.h: the two parts of the compute capability. */
const CAPABILITY_MAJOR = 75;
const CAPABILITY_MINOR = 76;

/**
 * A GPU, by the CUDA runtime (libcudart) that ONNX Runtime's provider uses too. Its calls belong on one thread, and what
 * they start is done when they return. They throw Error with CUDA's own words.
 */
export class CudaDevice {
  readonly #functions: ReturnType<typeof bind>;
  readonly #device: number;

  /** Opens the library and takes a device. Throws Error where there is no such device, or no driver for it. */
  constructor(path: string, device: number) {
    this.#functions = bind(openLibrary(path));
    this.#device = device;
    const count: [number | null] = [null];
    this.#check(this.#functions.deviceCount(count), "looking for GPUs");
    if (device >= (count[0] ?? 0)) {
      throw new Error(`device_id: ${device}: CUDA sees ${count[0]} GPUs, numbered from 0`);
    }
    this.#check(this.#functions.setDevice(device), `taking GPU ${device}`);
  }

  /** Compute capability, such as 8.6. */
  capability(): number {
    const [major, minor] = [CAPABILITY_MAJOR, CAPABILITY_MINOR].map((attribute) => {
      const out: [number | null] = [null];
      const status = this.#functions.deviceGetAttribute(out, attribute, this.#device);
      this.#check(status, "asking for its compute capability");
      return out[0] ?? 0;
    });
    return Number(`${major}.${minor}`);
  }

  /** Bytes. */
  memory(): { readonly free: number; readonly total: number } {
    const [free, total]: [[number | null], [number | null]] = [[null], [null]];
    this.#check(this.#functions.memGetInfo(free, total), "asking for its free memory");
    return { free: free[0] ?? 0, total: total[0] ?? 0 };
  }

  /** Memory that holds zeros. */
  allocate(bytes: number): DeviceAddress {
    const out: [DeviceAddress | null] = [null];
    this.#check(this.#functions.malloc(out, bytes), `taking ${bytes} bytes of its memory`);
    const [address] = out;
    if (address === null) throw new Error("CUDA handed out no memory");
    this.#check(this.#functions.memset(address, 0, bytes), "filling its memory with zeros");
    this.#finish();
    return address;
  }

  free(address: DeviceAddress): void {
    this.#check(this.#functions.free(address), "giving memory back");
  }

  write(to: DeviceAddress, data: ArrayBufferView): void {
    const { memcpy } = this.#functions;
    this.#check(memcpy(to, data, data.byteLength, HOST_TO_DEVICE), "writing to its memory");
    this.#finish();
  }

  read(to: ArrayBufferView, from: DeviceAddress): void {
    const { memcpy } = this.#functions;
    this.#check(memcpy(to, from, to.byteLength, DEVICE_TO_HOST), "reading its memory");
  }

  /** Copies `rows` pieces of `bytes` that begin `stride` bytes after each other, there as here. The two do not overlap. */
  copyRows(
    to: DeviceAddress,
    from: DeviceAddress,
    { rows, stride, bytes }: { rows: number; stride: number; bytes: number },
  ): void {
    const status = this.#functions.memcpy2D(to, stride, from, stride, bytes, rows, DEVICE_TO_DEVICE);
    this.#check(status, "copying in its memory");
    this.#finish();
  }

  /** ONNX Runtime computes in a stream that does not wait for this one. */
  #finish(): void {
    this.#check(this.#functions.synchronize(), "waiting for the GPU");
  }

  #check(status: number, doing: string): void {
    if (status === 0) return;
    throw new Error(`CUDA, ${doing}: ${this.#functions.errorString(status)}`);
  }
}

/** Functions of cuda_runtime_api.h, of which all but the last return a `cudaError_t`. */
const bind = (handle: LibraryHandle) => ({
  deviceCount: handle.func("int cudaGetDeviceCount(_Out_ int *count)"),
  setDevice: handle.func("int cudaSetDevice(int device)"),
  deviceGetAttribute: handle.func("int cudaDeviceGetAttribute(_Out_ int *value, int attribute, int device)"),
  memGetInfo: handle.func("int cudaMemGetInfo(_Out_ size_t *free, _Out_ size_t *total)"),
  malloc: handle.func("int cudaMalloc(_Out_ void **out, size_t bytes)"),
  free: handle.func("int cudaFree(void *address)"),
  memset: handle.func("int cudaMemset(void *address, int value, size_t bytes)"),
  memcpy: handle.func("int cudaMemcpy(void *to, void *from, size_t bytes, int kind)"),
  memcpy2D: handle.func(
    "int cudaMemcpy2D(void *to, size_t toPitch, void *from, size_t fromPitch, size_t width, size_t height, int kind)",
  ),
  synchronize: handle.func("int cudaDeviceSynchronize()"),
  errorString: handle.func("const char *cudaGetErrorString(int error)"),
});
