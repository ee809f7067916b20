/**
 * Finds and loads the native addon.
 *
 * Tried in order: the file beside `package.json` (a checkout), then the platform packages that npm installed as
 * optional dependencies. Nothing is spawned and no environment variable is read: which file becomes code in a process
 * that holds credentials is not for the environment to say. Where npm installed two C libraries' packages, the one
 * that does not fit fails to load and the next is tried.
 */

import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import type * as binding from "./binding";
import { ConfigurationError } from "./errors";

const NAME = "refresh-session";

/** Platform suffixes by `process.platform` and `process.arch`, best first. */
const SUFFIXES: Record<string, string[]> = {
  "linux arm64": ["linux-arm64-gnu", "linux-arm64-musl"],
  "linux arm": ["linux-arm-gnueabihf", "linux-arm-musleabihf"],
  "linux x64": ["linux-x64-gnu", "linux-x64-musl"],
  "darwin arm64": ["darwin-arm64"],
  "darwin x64": ["darwin-x64"],
  "win32 x64": ["win32-x64-msvc"],
  "win32 arm64": ["win32-arm64-msvc"],
};

function load(): typeof binding {
  const platform = `${process.platform} ${process.arch}`;
  const suffixes = SUFFIXES[platform] ?? [];
  const failures: unknown[] = [];
  for (const suffix of suffixes) {
    for (const candidate of [join(__dirname, "..", `${NAME}.${suffix}.node`), `${NAME}-${suffix}`]) {
      try {
        return require(candidate);
      } catch (failure) {
        if (!isMissing(failure, candidate)) failures.push(failure);
      }
    }
  }
  const wanted = suffixes.map((suffix) => `${NAME}-${suffix}`).join(" or ");
  throw new ConfigurationError({
    code: "ERR_NATIVE_ADDON",
    message: `no native addon for ${platform} could be loaded`,
    hint:
      wanted === ""
        ? "There is no prebuilt package for this platform."
        : `Install ${wanted}; a lock file made on another platform may have left it out.`,
    cause: failures.length === 0 ? undefined : new AggregateError(failures, "what was found did not load"),
  });
}

function isMissing(failure: unknown, candidate: string): boolean {
  const { code, message } = failure as { code?: unknown; message?: unknown };
  return code === "MODULE_NOT_FOUND" && String(message).includes(candidate);
}

export const native = load();

// Node runs the addon's own hook on an orderly end only, not on `process.exit()`; a worker's end is not the process's.
if (isMainThread) process.on("exit", () => native.endProcess());
