// The package as npm lays it out, with platform packages of a test's choosing, and what loading it says.

import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { publishedManifest } from "../../scripts/pack.mjs";
import { manifestOf, platforms } from "../../scripts/platforms.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** The platform that these tests run on. */
export const here = platforms.find(
  ({ os, cpu, libc }) => os === process.platform && cpu === process.arch && (libc ?? "glibc") === "glibc",
);

/** The addon of this platform. */
export const addon = here && join(root, here.binary);

/** A project in which the package is installed. */
export class Installed {
  constructor(t) {
    this.dir = mkdtempSync(join(tmpdir(), "refresh-session-installed-"));
    t.teardown(() => rmSync(this.dir, { recursive: true, force: true }));
    const folder = this.#folder("refresh-session");
    writeFileSync(join(folder, "package.json"), JSON.stringify(publishedManifest()));
    mkdirSync(join(folder, "dist"));
    for (const file of ["index.js", "index.mjs", "core.js", "mqtt.js", "cli.js"])
      copyFileSync(join(root, "dist", file), join(folder, "dist", file));
  }

  /** Adds a platform's package, with this for a binary: bytes, or none. */
  add(platform, binary) {
    const folder = this.#folder(platform.name);
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifestOf(platform)));
    const path = join(folder, platform.binary);
    if (binary !== undefined) writeFileSync(path, binary);
    return path;
  }

  /** Changes the JavaScript of the installed package. */
  patch(from, to, file = "core.js") {
    const path = join(this.dir, "node_modules/refresh-session/dist", file);
    const text = readFileSync(path, "utf8");
    if (!text.includes(from)) throw new Error(`${from} is not in dist/${file}`);
    writeFileSync(path, text.replaceAll(from, to));
  }

  /** Loads it in a process of its own, after `before`; the names it exports, or its error. */
  async load({ before = "", flags = [], through = [] } = {}) {
    const script = `
      ${before};
      const told = ({ name, code, message, hint, retryable, cause }) => ({
        name, code, message, hint, retryable, cause: cause && { code: cause.code, message: cause.message },
      });
      import("refresh-session").then(
        (loaded) => console.log(JSON.stringify({ names: Object.keys(loaded) })),
        (error) => console.log(JSON.stringify(told(error))),
      );
    `;
    return this.run(script, { flags, through });
  }

  /** What a script in the project prints, as JSON. */
  async run(script, { flags = [], through = [] } = {}) {
    const [command, ...args] = [...through, process.execPath, ...flags, "-e", script];
    const { stdout } = await run(command, args, { cwd: this.dir, timeout: 100_000 });
    return JSON.parse(stdout);
  }

  #folder(name) {
    const folder = join(this.dir, "node_modules", name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }
}
