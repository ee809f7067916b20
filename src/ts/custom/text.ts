import { bare } from "../bare";
import type { NativeTextReply } from "../binding";
import { Calls } from "../calls";
import { failed } from "./failure";

/** A function of the user's that gives a short-lived secret text, such as an MFA code or a web identity token. */
export class TextCallback {
  readonly #name: string;
  readonly #ask: (signal: AbortSignal) => unknown;
  readonly #calls = new Calls();
  #failure: { cause: unknown } | undefined;

  /** `name`: the option it was given as. */
  constructor(name: string, ask: (signal: AbortSignal) => unknown) {
    this.#name = name;
    this.#ask = ask;
  }

  /** As the native side calls it: never throws. */
  async ask(call: number): Promise<NativeTextReply> {
    try {
      const { given: text } = await this.#calls.run(call, this.#ask);
      this.#failure = undefined;
      // A number has lost the zeros it began with.
      if (typeof text !== "string") return bare({ kind: text === null ? "null" : typeof text });
      return bare({ text });
    } catch (cause) {
      this.#failure = { cause };
      return bare({ failure: failed(this.#name, cause) });
    }
  }

  abort(call: number): void {
    this.#calls.abort(call, `\`${this.#name}\`: nobody waits any more`);
  }

  /** What the last call threw. */
  get cause(): unknown {
    return this.#failure?.cause;
  }
}
