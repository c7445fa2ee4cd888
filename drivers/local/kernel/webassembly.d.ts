/** What is used of WebAssembly's JavaScript interface, which Node has and its types leave to the browser's. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: object;
    constructor(module: Module);
  }
  class Memory {
    readonly buffer: ArrayBuffer;
  }
}
