/**
 * Which addon fits this process: operating system, processor and, on Linux, the C library that Node.js itself uses.
 *
 * The C library is told by the program's ELF interpreter: one read of a few hundred bytes. `process.report` knows it
 * too, but takes 10 ms and more, collects the whole environment on the way, and is asked only where the program cannot be read.
 * A musl process can load an addon for glibc far enough to crash in it, so the other one is never tried.
 */

import { type Elf, readElf } from "./elf";

/** The C library of a Linux process. */
export type Libc = "glibc" | "musl";

/** Where this process runs. */
export interface Platform {
  /** For messages, such as `linux x64 (glibc)`. */
  name: string;
  /** What an addon for it is called by, such as `linux-x64-gnu`; nothing where there is none. */
  suffix: string | undefined;
  libc: Libc | undefined;
}

/** Every platform that there is an addon for. `scripts/platforms.mjs` makes the packages; a test compares. */
export const PLATFORMS: readonly Platform[] = [
  { name: "linux arm64 (glibc)", suffix: "linux-arm64-gnu", libc: "glibc" },
  { name: "linux arm64 (musl)", suffix: "linux-arm64-musl", libc: "musl" },
  { name: "linux arm (glibc)", suffix: "linux-arm-gnueabihf", libc: "glibc" },
  { name: "linux arm (musl)", suffix: "linux-arm-musleabihf", libc: "musl" },
  { name: "linux x64 (glibc)", suffix: "linux-x64-gnu", libc: "glibc" },
  { name: "linux x64 (musl)", suffix: "linux-x64-musl", libc: "musl" },
  { name: "darwin arm64", suffix: "darwin-arm64", libc: undefined },
  { name: "darwin x64", suffix: "darwin-x64", libc: undefined },
  { name: "win32 arm64", suffix: "win32-arm64-msvc", libc: undefined },
  { name: "win32 x64", suffix: "win32-x64-msvc", libc: undefined },
];

/** `e_machine` of the processors by `process.arch`. */
const MACHINES: Record<string, Pick<Elf, "machine" | "bits">> = {
  arm: { machine: 40, bits: 32 },
  arm64: { machine: 183, bits: 64 },
  ia32: { machine: 3, bits: 32 },
  riscv64: { machine: 243, bits: 64 },
  x64: { machine: 62, bits: 64 },
};

/** Where this process runs. */
export function platformHere(): Platform {
  const libc = process.platform === "linux" ? libcHere() : undefined;
  const name = `${process.platform} ${process.arch}${libc === undefined ? "" : ` (${libc})`}`;
  // A 32-bit Node.js for ARMv6 calls itself `arm` as well; the addon's instructions would end the process.
  if (process.arch === "arm" && process.getBuiltinModule("node:os").machine().startsWith("armv6"))
    return { name: `${name} on ARMv6`, suffix: undefined, libc };
  return PLATFORMS.find((platform) => platform.name === name) ?? { name, suffix: undefined, libc };
}

/** For which processor an ELF file is, by the name that `process.arch` has for it. */
export function archOf({ machine, bits }: Elf): string {
  const found = Object.entries(MACHINES).find(([, of]) => of.machine === machine && of.bits === bits);
  return found?.[0] ?? `another processor (ELF machine ${machine}, ${bits} bits)`;
}

/** The version of the glibc in use. Slow: only for a failure's message. */
export function glibcVersion(): string | undefined {
  // The types of Node.js 20 lack `excludeNetwork`. Without it, every address of every socket is looked up by name.
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined;
  if (report === undefined) return undefined;
  const kept = report.excludeNetwork ?? false;
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime;
  } finally {
    report.excludeNetwork = kept;
  }
}

function libcHere(): Libc {
  const interpreter = ownInterpreter();
  if (interpreter !== undefined) return interpreter.includes("musl") ? "musl" : "glibc";
  return glibcVersion() === undefined ? "musl" : "glibc";
}

function ownInterpreter(): string | undefined {
  try {
    return readElf(process.execPath)?.interpreter;
  } catch {
    // Replaced by an update while it runs, or not allowed by the permission model.
    return undefined;
  }
}
