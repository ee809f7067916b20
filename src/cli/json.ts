/**
 * JSON of a configuration file. Not `JSON.parse`: that does not say where the fault is, quotes what stands around it,
 * which may be a PIN, and takes the last of two members of the same name without a word.
 */

/** Where and what; nothing of the text itself. */
export class JsonError extends Error {
  constructor(text: string, at: number, wrong: string) {
    const before = text.slice(0, at).split("\n");
    super(`line ${before.length}, column ${(before.at(-1) ?? "").length + 1}: ${wrong}`);
  }
}

/** Deeper than any configuration. */
const MAX_DEPTH = 32;

/** The value that `text` stands for. Objects have no prototype. */
export function parseJson(text: string): unknown {
  return new Parser(text).whole();
}

class Parser {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): unknown {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#wrong("something follows the end of the value");
    return value;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw this.#wrong("nested too deeply");
    this.#space();
    const next = this.#text[this.#at];
    if (next === "{") return this.#object(depth);
    if (next === "[") return this.#array(depth);
    if (next === '"') return this.#string();
    return this.#word();
  }

  #object(depth: number): Record<string, unknown> {
    const result: Record<string, unknown> = Object.create(null);
    this.#at++;
    if (this.#ends("}")) return result;
    for (;;) {
      this.#space();
      const start = this.#at;
      if (this.#text[start] !== '"') throw this.#wrong("a name in double quotes is expected");
      const name = this.#string();
      if (Object.hasOwn(result, name)) throw this.#wrong("this name stands twice in its object", start);
      this.#space();
      if (this.#text[this.#at] !== ":") throw this.#wrong("`:` is expected");
      this.#at++;
      result[name] = this.#value(depth + 1);
      if (this.#ends("}")) return result;
      this.#comma("}");
    }
  }

  #array(depth: number): unknown[] {
    const result: unknown[] = [];
    this.#at++;
    if (this.#ends("]")) return result;
    for (;;) {
      result.push(this.#value(depth + 1));
      if (this.#ends("]")) return result;
      this.#comma("]");
    }
  }

  #string(): string {
    const start = this.#at++;
    for (; ; this.#at++) {
      const next = this.#text[this.#at];
      if (next === undefined || next === "\n") throw this.#wrong("a text has no closing quote", start);
      if (next === "\\") this.#at++;
      if (next === '"') break;
    }
    this.#at++;
    return this.#parsed(start, "a text has a wrong escape or a control character") as string;
  }

  #word(): unknown {
    const start = this.#at;
    while (/[^\s,:{}[\]"]/.test(this.#text[this.#at] ?? ",")) this.#at++;
    if (start === this.#at) throw this.#wrong("a value is expected");
    return this.#parsed(start, "this is no value of JSON: texts need double quotes, and comments are not allowed");
  }

  #parsed(start: number, wrong: string): unknown {
    try {
      return JSON.parse(this.#text.slice(start, this.#at));
    } catch {
      throw this.#wrong(wrong, start);
    }
  }

  #ends(bracket: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  #comma(bracket: string): void {
    if (this.#text[this.#at] !== ",") throw this.#wrong(`\`,\` or \`${bracket}\` is expected`);
    const comma = this.#at++;
    this.#space();
    if (this.#text[this.#at] === bracket) throw this.#wrong(`nothing follows this \`,\``, comma);
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #wrong(what: string, at = this.#at): JsonError {
    return new JsonError(this.#text, at, at >= this.#text.length ? `the file ends here, ${what}` : what);
  }
}
