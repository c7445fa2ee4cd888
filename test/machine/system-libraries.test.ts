import { expect, test } from "vitest";
import { systemLibraries } from "../../src/machine/system-libraries.ts";

const CACHE = `1234 libs found in cache \`/etc/ld.so.cache'
\tlibcuda.so.1 (libc6) => /lib/i386-linux-gnu/libcuda.so.1
\tlibcuda.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libcuda.so.1
\tlibcublas.so.13 (libc6,x86-64, OS ABI: Linux 3.2.0) => /usr/local/cuda/lib64/libcublas.so.13
\tlibgone.so.1 (libc6,x86-64) => /lib/libgone.so.1
`;

function loader(programs: readonly string[], files: readonly string[], loaderPath = "") {
  const asked: string[] = [];
  const find = systemLibraries({
    ask: (program) => {
      asked.push(program);
      return programs.includes(program) ? CACHE : undefined;
    },
    exists: (path) => files.includes(path),
    loaderPath,
  });
  return { find, asked };
}

const files = [
  "/lib/i386-linux-gnu/libcuda.so.1",
  "/lib/x86_64-linux-gnu/libcuda.so.1",
  "/usr/local/cuda/lib64/libcublas.so.13",
  "/opt/cuda/libcublas.so.13",
];

test("the loader's cache is asked once, for 64 bits", () => {
  const { find, asked } = loader(["ldconfig"], files);
  expect(find("libcuda.so.1")).toBe("/lib/x86_64-linux-gnu/libcuda.so.1");
  expect(find("libcublas.so.13")).toBe("/usr/local/cuda/lib64/libcublas.so.13");
  expect(find("libcudart.so.13")).toBeUndefined();
  expect(find("libgone.so.1")).toBeUndefined();
  expect(asked).toEqual(["ldconfig"]);
});

test("LD_LIBRARY_PATH comes before it", () => {
  const { find } = loader(["ldconfig"], files, "/opt/none::/opt/cuda");
  expect(find("libcublas.so.13")).toBe("/opt/cuda/libcublas.so.13");
  expect(find("libcuda.so.1")).toBe("/lib/x86_64-linux-gnu/libcuda.so.1");
});

test("ldconfig is found where it is not on the PATH; without it nothing is known", () => {
  expect(loader(["/sbin/ldconfig"], files).find("libcuda.so.1")).toBe("/lib/x86_64-linux-gnu/libcuda.so.1");
  expect(loader([], files).find("libcuda.so.1")).toBeUndefined();
});
