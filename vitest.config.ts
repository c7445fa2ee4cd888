import { defineConfig } from "vitest/config";

/** `fast`: pure code and the fake driver. `engine`: *.slow.test.ts, real engines, sockets and child processes. */
export default defineConfig({
  test: {
    reporters: ["default", "./test/counts-reporter.ts"],
    projects: [
      {
        test: {
          name: "fast",
          // Loading the code anew for each file would take as long as the tests.
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.slow.test.ts"],
          testTimeout: 10_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "engine",
          include: ["test/**/*.slow.test.ts"],
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
          hookTimeout: 60_000,
          pool: "forks",
          maxWorkers: 2,
        },
      },
    ],
  },
});
