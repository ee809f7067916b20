/**
 * Types of options, checked where they come in. Values (names, ranges of meaning, what fits together) are checked in
 * Rust. An options object is read once, own properties only, into a fresh one: what the caller, or somebody who
 * pollutes `Object.prototype`, changes later has no effect.
 */

import { isUint8Array } from "node:util/types";
import { ValidationError } from "../errors";

/** Checks one option's type and gives it on; `param` is its public name. */
export type Check<T> = (value: unknown, param: string) => T;

/** The checks of an options object, by name. */
export type Checks<T> = { [K in keyof T]-?: Check<NonNullable<T[K]>> };

/** What `checked` gives: the options that were there. */
export type Checked<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** Reads `options` by `checks`. A name that is not in `checks` is refused; `beside` were read before, for the hint. */
export function checked<T>(
  options: unknown,
  checks: Checks<T>,
  prefix = "",
  beside: readonly string[] = [],
): Checked<T> {
  const given = optionsObject(options, prefix === "" ? "options" : prefix.slice(0, -1));
  const result: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(checks, name)) throw unknownOption(name, [...Object.keys(checks), ...beside], prefix);
    const value = given[name];
    if (value !== undefined) result[name] = checks[name as keyof T](value, prefix + name);
  }
  return result as Checked<T>;
}

/** What options may be read from. */
export function optionsObject(value: unknown, param = "options"): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !isUint8Array(value)) {
    return value as Record<string, unknown>;
  }
  throw invalid(param, value, "an object");
}

/** An option that must be there. */
export function required<T>(value: T | undefined, param: string): T {
  if (value !== undefined) return value;
  throw new ValidationError({ code: "ERR_MISSING_OPTION", message: `option \`${param}\` is missing`, param });
}

/**
 * The same without the properties that are `undefined`, since a missing one is `None` on the native side; and without
 * a prototype, since the native side reads through it.
 */
export function defined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const result = Object.create(null);
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) result[name] = value;
  }
  return result;
}

/** A text that is not empty. */
export const text: Check<string> = (value, param) => {
  if (typeof value !== "string") throw invalid(param, value, "a string");
  if (value === "") throw invalid(param, value, "a string that is not empty");
  if (value.includes("\0")) throw refused(param, "holds a NUL character");
  return value;
};

/** A text or bytes. A text may be empty: an empty PIN is one. */
export const textOrBytes: Check<string | Uint8Array> = (value, param) => {
  if (typeof value === "string") return value;
  if (isUint8Array(value)) return value;
  throw invalid(param, value, "a string or Uint8Array");
};

/** A path or content: a text or bytes, not empty. */
export const material: Check<string | Uint8Array> = (value, param) =>
  typeof value === "string" ? text(value, param) : textOrBytes(value, param);

export const boolean: Check<boolean> = (value, param) => {
  if (typeof value === "boolean") return value;
  throw invalid(param, value, "true or false");
};

/** A whole number in a range, both ends included. */
export const integer =
  (min: number, max: number): Check<number> =>
  (value, param) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    const wanted = `a whole number from ${min} to ${max}`;
    throw typeof value === "number"
      ? refused(param, `is ${value}: it must be ${wanted}`)
      : invalid(param, value, wanted);
  };

/** An array, copied, of what `check` lets pass. */
export const list =
  <T>(check: Check<T>): Check<T[]> =>
  (value, param) => {
    if (!Array.isArray(value)) throw invalid(param, value, "an array");
    return Array.from(value, (item, index) => check(item, `${param}[${index}]`));
  };

/** Bytes, or their hexadecimal text; colons between the bytes are allowed. */
export const hex: Check<Uint8Array> = (value, param) => {
  if (isUint8Array(value) && value.length > 0) return value;
  const digits = typeof value === "string" ? value.replaceAll(":", "") : "";
  if (digits === "" || digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) {
    throw invalid(param, value, 'hexadecimal text such as "01ab", or a Uint8Array');
  }
  return Uint8Array.from(Buffer.from(digits, "hex"));
};

/** A SHA-256 as `sha256sum` prints it. */
export const sha256: Check<string> = (value, param) => {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/i.test(value)) throw invalid(param, value, "64 hexadecimal digits");
  return value;
};

// biome-ignore lint/suspicious/noExplicitAny: the signature is the caller's
export const callback: Check<any> = (value, param) => {
  if (typeof value === "function") return value;
  throw invalid(param, value, "a function");
};

/** An error that shows the type of what was found, never the value: it may be a secret in the wrong place. */
export function invalid(param: string, value: unknown, wanted: string): ValidationError {
  return refused(param, `is ${described(value)}: it must be ${wanted}`);
}

/** An error that says what is wrong with an option's value. */
export function refused(param: string, found: string): ValidationError {
  return new ValidationError({ code: "ERR_INVALID_OPTION", message: `option \`${param}\` ${found}`, param });
}

/** A text of the caller's for a message: on one line, short. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
}

function described(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (value === "") return "empty";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}

function unknownOption(name: string, known: string[], prefix: string): ValidationError {
  const shown = /^\w{0,64}$/.test(name) ? name : quoted(name);
  const limit = Math.min(2, Math.floor(name.length / 2));
  const near = known.find((candidate) => distance(candidate.toLowerCase(), name.toLowerCase()) <= limit);
  const listed = `${prefix === "" ? "This" : `\`${prefix.slice(0, -1)}\``} takes: ${known.join(", ")}.`;
  const hint = near === undefined ? listed : `Did you mean \`${prefix}${near}\`?`;
  const message = `option \`${prefix}${shown}\` does not exist`;
  return new ValidationError({ code: "ERR_UNKNOWN_OPTION", message, hint, param: prefix + shown });
}

/** Edit distance (Levenshtein), cut short for texts that are far apart anyhow. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const substituted = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 3;
}
