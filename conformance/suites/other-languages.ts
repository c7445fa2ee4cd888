import { execute, succeed } from "../processes.ts";
import type { Suite } from "../suite.ts";
import { toldCases } from "../told-cases.ts";

export const go: Suite = {
  name: "openai-go",
  about: "github.com/openai/openai-go/v3 3.96.0, the official client for Go",
  needs: ["go"],
  atLeast: 9,
  excuses: [],
  run: (surroundings) =>
    toldCases(surroundings, "go", async (options) => {
      await succeed("go", ["mod", "tidy"], { cwd: options.cwd, note: surroundings.note });
      await execute("go", ["run", "."], options);
    }),
};

export const rust: Suite = {
  name: "async-openai",
  about: "async-openai 0.43.0, for Rust, whose types are closed",
  needs: ["cargo"],
  atLeast: 7,
  excuses: [],
  run: (surroundings) =>
    toldCases(surroundings, "rust", (options) => execute("cargo", ["run", "--quiet"], options)),
};

export const java: Suite = {
  name: "openai-java",
  about: "com.openai:openai-java 4.0.0, the official client for Java, with its validation of answers on",
  needs: ["mvn", "java"],
  atLeast: 7,
  excuses: [],
  run: (surroundings) =>
    toldCases(surroundings, "java", (options) => {
      const goals = [
        "compile",
        "org.codehaus.mojo:exec-maven-plugin:3.5.0:java",
        "-Dexec.mainClass=Conformance",
      ];
      return execute("mvn", ["-q", "-B", ...goals], options);
    }),
};
