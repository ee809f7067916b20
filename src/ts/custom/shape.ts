/**
 * What a callback or provider gave, by type: the seed's shape or the SDK's. Every property is read once, into a copy:
 * what its owner changes later has no effect. Values are checked in Rust.
 */

import { isDate } from "node:util/types";
import { bare } from "../bare";
import type { NativeCustomKeys } from "../binding";

/** Says what is wrong, never what was found: it may be a key. */
export class ShapeError extends Error {}

/** The keys in `given`. Throws a `ShapeError` if it has not the types of credentials. */
export function keysOf(given: unknown, withAccountId: boolean): NativeCustomKeys {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new ShapeError(`a credentials object is wanted, it is ${kindOf(given)}`);
  }
  const fields = given as Record<string, unknown>;
  return SEED_ONLY.some((name) => isIn(fields, name)) ? seedShaped(fields) : sdkShaped(fields, withAccountId);
}

/** boto3-refresh-session's, all four required. */
const SEED_FIELDS = ["access_key", "secret_key", "token", "expiry_time"] as const;
const SEED_ONLY = ["access_key", "secret_key", "expiry_time"];

function seedShaped(given: Record<string, unknown>): NativeCustomKeys {
  const fields = picked(given, SEED_FIELDS);
  demand(fields, SEED_FIELDS);
  return bare({
    accessKeyId: text(fields.access_key, "access_key"),
    secretAccessKey: text(fields.secret_key, "secret_key"),
    sessionToken: text(fields.token, "token"),
    expiration: date(fields.expiry_time, "expiry_time"),
  });
}

const SDK_REQUIRED = ["accessKeyId", "secretAccessKey"] as const;
const SDK_FIELDS = [...SDK_REQUIRED, "sessionToken", "expiration", "accountId"] as const;

function sdkShaped(given: Record<string, unknown>, withAccountId: boolean): NativeCustomKeys {
  const fields = picked(given, SDK_FIELDS);
  demand(fields, SDK_REQUIRED);
  const keys: NativeCustomKeys = bare({
    accessKeyId: text(fields.accessKeyId, "accessKeyId"),
    secretAccessKey: text(fields.secretAccessKey, "secretAccessKey"),
  });
  if (fields.sessionToken !== undefined) keys.sessionToken = text(fields.sessionToken, "sessionToken");
  if (fields.expiration !== undefined) keys.expiration = date(fields.expiration, "expiration");
  if (withAccountId && fields.accountId !== undefined) keys.accountId = text(fields.accountId, "accountId");
  return keys;
}

function picked<N extends string>(given: Record<string, unknown>, names: readonly N[]): Record<N, unknown> {
  const fields = Object.create(null);
  for (const name of names) fields[name] = read(given, name);
  return fields;
}

/** Also of a class with getters, but not what somebody has put on every object. */
function read(given: Record<string, unknown>, name: string): unknown {
  return isIn(given, name) ? given[name] : undefined;
}

function isIn(given: object, name: string): boolean {
  for (let holder = given; holder !== null && holder !== Object.prototype; holder = Object.getPrototypeOf(holder)) {
    if (Object.hasOwn(holder, name)) return true;
  }
  return false;
}

function demand<N extends string>(fields: Record<N, unknown>, names: readonly N[]): void {
  const missing = names.filter((name) => fields[name] === undefined);
  if (missing.length > 0) throw new ShapeError(`${missing.map((name) => `\`${name}\``).join(", ")} missing`);
}

function text(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new ShapeError(`\`${name}\` is ${kindOf(value)}, not a string`);
}

/** A text, or a `Date` as its milliseconds: `NaN` for an invalid one. */
function date(value: unknown, name: string): string | number {
  if (typeof value === "string") return value;
  if (isDate(value)) return Date.prototype.getTime.call(value);
  throw new ShapeError(`\`${name}\` is ${kindOf(value)}, not a Date or a text`);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
