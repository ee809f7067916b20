/**
 * What the headers of an ELF file say. Of files, only those that are code of this process are read here: the program
 * that runs, for its C library, and the addon, before it is loaded. The system's loader maps a file that was cut short
 * as if it were whole, and the process dies of SIGBUS when it gets to the part that is not there.
 *
 * What is seen of damage: a part that is missing, and code that was never written, which reads as zeros. What is not: other
 * bytes than there were. A checksum would see them, for 1.3 ms on x64 and the whole file read from a gateway's flash.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** See the ELF specification (gABI), chapters 4 and 5. */
export interface Elf {
  bits: 32 | 64;
  /** `e_machine`: for which processors. */
  machine: number;
  /** The program that loads this one; an addon has none. */
  interpreter: string | undefined;
  /** Whether everything is there that the headers speak of. */
  whole: boolean;
  /** Where in the file the code is. */
  code: Range[];
}

interface Range {
  at: number;
  size: number;
}

const HEAD_BYTES = 4096;
const PAGE_BYTES = 4096;
const PROGRAM_LOAD = 1;
const PROGRAM_INTERPRETER = 3;
const PROGRAM_EXECUTABLE = 1;
const SECTION_STRINGS = 3;

/**
 * The headers of the file at `path`; nothing if it is no ELF file. Throws what opening and reading throw. `closely`: looks
 * at the code too, and where some of it is zeros the file is not whole.
 */
export function readElf(path: string, closely = false): Elf | undefined {
  // Opened like this, a named pipe does not wait for somebody who writes.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return undefined;
    // Views and not the methods of Buffer: those are JavaScript of Node.js's, compiled at their first call.
    const at = (position: number, length: number): DataView => {
      const bytes = new Uint8Array(length);
      return new DataView(bytes.buffer, 0, readSync(file, bytes, 0, length, position));
    };
    const elf = parse(at(0, HEAD_BYTES), stat.size, at);
    if (closely && elf?.whole && elf.code.some((range) => hasZeros(range, at))) return { ...elf, whole: false };
    return elf;
  } finally {
    closeSync(file);
  }
}

/** No page of code is zeros. One in sixteen is looked at: what a file system loses comes in larger pieces. */
function hasZeros(code: Range, at: Read): boolean {
  const first = Math.ceil(code.at / PAGE_BYTES) * PAGE_BYTES;
  for (let page = first; page + PAGE_BYTES <= code.at + code.size; page += 16 * PAGE_BYTES) {
    // Hardly any begins with them.
    if (at(page, 8).getFloat64(0) === 0 && isEmpty(at(page, PAGE_BYTES))) return true;
  }
  return false;
}

function isEmpty({ buffer }: DataView): boolean {
  return new Uint8Array(buffer).every((byte) => byte === 0);
}

type Read = (position: number, length: number) => DataView;

/** `head` is the file's beginning, and `at` reads more of it. */
function parse(head: DataView, size: number, at: Read): Elf | undefined {
  if (head.byteLength < 64 || head.getUint32(0) !== 0x7f454c46) return undefined;
  const wide = head.getUint8(4) === 2;
  const bits: Elf["bits"] = wide ? 64 : 32;
  const machine = head.getUint16(18, true);
  const offset = (bytes: DataView, position: number) =>
    wide ? Number(bytes.getBigUint64(position, true)) : bytes.getUint32(position, true);
  const damaged = { bits, machine, interpreter: undefined, whole: false, code: [] } satisfies Elf;

  const programs = {
    at: offset(head, wide ? 32 : 28),
    size: wide ? 56 : 32,
    count: head.getUint16(wide ? 56 : 44, true),
  };
  const table = at(programs.at, programs.size * programs.count);
  if (table.byteLength < programs.size * programs.count) return damaged;
  const code: Range[] = [];
  let interpreter: string | undefined;
  for (let entry = 0; entry < table.byteLength; entry += programs.size) {
    const from = offset(table, entry + (wide ? 8 : 4));
    const length = offset(table, entry + (wide ? 32 : 16));
    if (from + length > size) return damaged;
    const type = table.getUint32(entry, true);
    const flags = table.getUint32(entry + (wide ? 4 : 24), true);
    if (type === PROGRAM_LOAD && (flags & PROGRAM_EXECUTABLE) !== 0) code.push({ at: from, size: length });
    if (type === PROGRAM_INTERPRETER) interpreter = textOf(at(from, Math.min(length, HEAD_BYTES)));
  }

  // The table of sections is the end of the file. After a power cut a file may have its size, and zeros for an end.
  const sections = {
    at: offset(head, wide ? 40 : 32),
    size: wide ? 64 : 40,
    count: head.getUint16(wide ? 60 : 48, true),
  };
  if (sections.at === 0) return { bits, machine, interpreter, whole: true, code };
  if (sections.at + sections.size * sections.count > size) return damaged;
  const names = at(sections.at + sections.size * head.getUint16(wide ? 62 : 50, true), sections.size);
  const whole = names.byteLength === sections.size && names.getUint32(4, true) === SECTION_STRINGS;
  return { bits, machine, interpreter, whole, code };
}

/** ASCII, up to the first zero. */
function textOf({ buffer, byteLength }: DataView): string {
  const bytes = new Uint8Array(buffer, 0, byteLength);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end === -1 ? bytes : bytes.subarray(0, end)));
}
