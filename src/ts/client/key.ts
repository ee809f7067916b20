/**
 * What makes two `client()` calls the same: the class itself, not its name, and the config by value.
 *
 * Values are written as tagged, length-prefixed text, so that no two different ones can look alike. What has no value
 * of its own — functions, instances of classes — counts by identity.
 */

import { isDate, isUint8Array } from "node:util/types";

/** The text that stands for a class with a config. It may hold secrets of the config: never show it. */
export function keyOf(ctor: object, config: object): string {
  return `${idOf(ctor)}${new Writer().fields(config, 0)}`;
}

/** The text that stands for a value. */
export function canonical(value: unknown): string {
  return new Writer().value(value, 0);
}

/** Deeper than any config; what is below counts by identity. */
const MAX_DEPTH = 32;

const ids = new WeakMap<WeakKey, number>();
let lastId = 0;

function idOf(thing: WeakKey): string {
  let id = ids.get(thing);
  if (id === undefined) {
    id = ++lastId;
    ids.set(thing, id);
  }
  return `#${id};`;
}

class Writer {
  /** Objects written so far, numbered: a second visit writes the number, so that cycles end. */
  #seen: Map<object, number> | undefined;

  value(value: unknown, depth: number): string {
    switch (typeof value) {
      case "string":
        return text(value);
      case "number":
        return Object.is(value, -0) ? "n-0;" : `n${value};`;
      case "boolean":
        return value ? "t" : "f";
      case "undefined":
        return "u";
      case "bigint":
        return `i${value};`;
      case "symbol":
        return symbol(value);
      case "function":
        return idOf(value);
      default:
        return value === null ? "0" : this.#object(value as object, depth);
    }
  }

  /** The own enumerable properties with a string for a name. One that is `undefined` is as good as none. */
  fields(object: object, depth: number): string {
    const values = object as Record<string, unknown>;
    let written = "{";
    for (const name of Object.keys(object).sort()) {
      const value = values[name];
      if (value !== undefined) written += `${text(name)}${this.value(value, depth)}`;
    }
    return `${written}}`;
  }

  #object(object: object, depth: number): string {
    const prototype = Object.getPrototypeOf(object);
    if (isDate(object)) return `d${object.getTime()};`;
    if (prototype === URL.prototype) return `l${text((object as URL).href)}`;
    if (isUint8Array(object)) return `b${text(Buffer.from(object).toString("base64"))}`;
    const plain = prototype === Object.prototype || prototype === null;
    if (depth >= MAX_DEPTH || !(plain || prototype === Array.prototype)) return idOf(object);

    this.#seen ??= new Map();
    const visited = this.#seen.get(object);
    if (visited !== undefined) return `@${visited};`;
    this.#seen.set(object, this.#seen.size);

    if (!plain) return isDense(object as unknown[]) ? this.#items(object as unknown[], depth + 1) : idOf(object);
    if (Object.getOwnPropertySymbols(object).length > 0) return idOf(object);
    // With methods it is behaviour, such as a logger: what it gathers must not make it another one.
    const behaviour = Object.values(object).some((value) => typeof value === "function");
    return this.fields(object, behaviour ? MAX_DEPTH : depth + 1);
  }

  #items(items: unknown[], depth: number): string {
    let written = "[";
    for (const item of items) written += this.value(item, depth);
    return `${written}]`;
  }
}

function text(value: string): string {
  return `s${value.length}:${value}`;
}

/** `Symbol.for` gives the same one for the same text in every realm, and a WeakMap takes none of those. */
function symbol(value: symbol): string {
  const name = Symbol.keyFor(value);
  return name === undefined ? idOf(value) : `y${text(name)}`;
}

/** Whether its items are all there is to an array. */
function isDense(array: unknown[]): boolean {
  return Object.keys(array).length === array.length && Object.getOwnPropertySymbols(array).length === 0;
}
