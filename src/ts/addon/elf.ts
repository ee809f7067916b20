/**
 * What the headers of an ELF file say. Of files, only those that are code of this process are read here: the program
 * that runs, for its C library, and the addon, before it is loaded. The system's loader maps a file that was cut short
 * as if it were whole, and the process dies of SIGBUS when it gets to the part that is not there.
 */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** See the ELF specification (gABI), chapters 4 and 5. */
export interface Elf {
  bits: 32 | 64;
  /** `e_machine`: for which processors. */
  machine: number;
  /** The program that loads this one; an addon has none. */
  interpreter: string | undefined;
  /** Whether everything is there that the headers speak of. */
  whole: boolean;
}

const HEAD_BYTES = 4096;
const PROGRAM_INTERPRETER = 3;
const SECTION_STRINGS = 3;

/** The headers of the file at `path`; nothing if it is no ELF file. Throws what opening and reading throw. */
export function readElf(path: string): Elf | undefined {
  const file = openSync(path, "r");
  try {
    const size = fstatSync(file).size;
    const at = (position: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, position));
    };
    return parse(at(0, HEAD_BYTES), size, at);
  } finally {
    closeSync(file);
  }
}

/** `head` is the file's beginning, and `at` reads more of it. */
function parse(head: Buffer, size: number, at: (position: number, length: number) => Buffer): Elf | undefined {
  if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const wide = head[4] === 2;
  const bits = wide ? 64 : 32;
  const machine = head.readUInt16LE(18);
  const offset = (bytes: Buffer, position: number) =>
    wide ? Number(bytes.readBigUInt64LE(position)) : bytes.readUInt32LE(position);
  const damaged = { bits, machine, interpreter: undefined, whole: false } as const;

  const programs = { at: offset(head, wide ? 32 : 28), size: wide ? 56 : 32, count: head.readUInt16LE(wide ? 56 : 44) };
  const table = at(programs.at, programs.size * programs.count);
  if (table.length < programs.size * programs.count) return damaged;
  let interpreter: string | undefined;
  for (let entry = 0; entry < table.length; entry += programs.size) {
    const from = offset(table, entry + (wide ? 8 : 4));
    const length = offset(table, entry + (wide ? 32 : 16));
    if (from + length > size) return damaged;
    if (table.readUInt32LE(entry) === PROGRAM_INTERPRETER) {
      interpreter = at(from, Math.min(length, HEAD_BYTES)).toString("latin1").replace(/\0.*$/s, "");
    }
  }

  // The table of sections is the end of the file. After a power cut a file may have its size, and zeros for an end.
  const sections = { at: offset(head, wide ? 40 : 32), size: wide ? 64 : 40, count: head.readUInt16LE(wide ? 60 : 48) };
  if (sections.at === 0) return { bits, machine, interpreter, whole: true };
  if (sections.at + sections.size * sections.count > size) return damaged;
  const names = at(sections.at + sections.size * head.readUInt16LE(wide ? 62 : 50), sections.size);
  const whole = names.length === sections.size && names.readUInt32LE(4) === SECTION_STRINGS;
  return { bits, machine, interpreter, whole };
}
