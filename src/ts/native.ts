/**
 * Finds and loads the native addon.
 *
 * Looked for in order: beside this file (where a bundler has put both), beside `package.json` (a checkout), in the
 * platform package that npm installed as an optional dependency. The first that is there decides. Nothing is spawned and
 * no environment variable is read: which file becomes code in a process that holds credentials is not for the environment
 * to say. The file's headers are looked at before the system maps it, and its version before it is used.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readElf } from "./addon/elf";
import { archOf, PLATFORMS, type Platform, platformHere } from "./addon/platform";
import {
  damaged,
  damagedManifest,
  gone,
  missing,
  otherProcessor,
  otherVersion,
  unloadable,
  unsupported,
} from "./addon/refusal";
import { beside } from "./beside";
import type * as binding from "./binding";
import { isMainThread } from "./thread";
import { VERSION } from "./version";

const NAME = "refresh-session";

function find(platform: Platform): string {
  const { suffix } = platform;
  if (suffix === undefined) throw unsupported(platform);
  const file = `${NAME}.${suffix}.node`;
  for (const path of [join(__dirname, file), join(__dirname, "..", file)]) if (existsSync(path)) return path;
  const wanted = `${NAME}-${suffix}`;
  const path = resolved(wanted);
  if (path !== undefined) return path;
  if (resolved(`${wanted}/package.json`) !== undefined) throw gone(wanted);
  refuseUnreadable(wanted, platform);
  const others = PLATFORMS.filter((other) => resolved(`${NAME}-${other.suffix}/package.json`) !== undefined);
  throw missing(platform, wanted, VERSION, others);
}

function resolved(name: string): string | undefined {
  try {
    return beside.resolve(name);
  } catch {
    return undefined;
  }
}

/** To Node.js a package that it may not read, or whose manifest it does not understand, is as good as none. */
function refuseUnreadable(wanted: string, platform: Platform): void {
  for (const folder of beside.resolve.paths(wanted) ?? []) {
    const manifest = join(folder, wanted, "package.json");
    let text: string;
    try {
      text = readFileSync(manifest, "utf8");
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === "EACCES") throw unloadable(manifest, platform, failure);
      continue;
    }
    try {
      JSON.parse(text);
    } catch {
      throw damagedManifest(manifest);
    }
  }
}

function open(path: string, platform: Platform): typeof binding {
  const orSay = <T>(step: () => T): T => {
    try {
      return step();
    } catch (failure) {
      throw unloadable(path, platform, failure);
    }
  };
  if (process.platform === "linux") {
    const elf = orSay(() => readElf(path, true));
    if (elf === undefined || !elf.whole) throw damaged(path);
    const arch = archOf(elf);
    if (arch !== process.arch) throw otherProcessor(path, arch);
  }
  const addon: typeof binding = orSay(() => beside(path));
  if (addon.VERSION !== VERSION) throw otherVersion(path, addon.VERSION, VERSION);
  return addon;
}

function loaded(): typeof binding {
  const platform = platformHere();
  return open(find(platform), platform);
}

export const native = loaded();

// Node runs the addon's own hook on an orderly end only, not on `process.exit()`; a worker's end is not the process's.
process.on("exit", () => {
  if (isMainThread()) native.endProcess();
});
