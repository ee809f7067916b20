/** Files that are trusted or hold secrets: who else can write or read them. */

import { closeSync, fstatSync, openSync, readFileSync, type Stats } from "node:fs";

/** A file as it was read. */
export interface ReadFile {
  text: string;
  stats: Stats;
}

/** Reads a text file; looks at the very file that was opened. */
export function readTextFile(path: string): ReadFile {
  const opened = openSync(path, "r");
  try {
    const stats = fstatSync(opened);
    return { text: readFileSync(opened, "utf8"), stats };
  } finally {
    closeSync(opened);
  }
}

/** Why a file cannot be read, in words. */
export function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  const words: Record<string, string> = {
    ENOENT: "it does not exist",
    EACCES: "permission denied",
    EISDIR: "it is a directory",
    ENOTDIR: "a part of its path is no directory",
  };
  return words[String(code)] ?? String(code);
}

/** Who but root and the user of this process can change the file; `undefined` if nobody. */
export function whoElseWrites({ mode, uid }: Stats): string | undefined {
  const own = process.getuid?.();
  // Where there are no users, permissions mean something else.
  if (own === undefined) return undefined;
  if (uid !== 0 && uid !== own) return `it belongs to user ${uid}`;
  if ((mode & 0o022) !== 0) return `its mode ${shownMode(mode)} lets group or others write to it`;
  return undefined;
}

/** Whether anybody but its owner can read the file. */
export function othersRead({ mode }: Stats): boolean {
  return process.getuid !== undefined && (mode & 0o077) !== 0;
}

/** Whether everybody can. */
export function everybodyReads({ mode }: Stats): boolean {
  return process.getuid !== undefined && (mode & 0o007) !== 0;
}

/** As `ls` and `chmod` have it. */
export function shownMode(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
