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

  /**
   * The callback of a function of the user's, the same one for all sessions that call it about the same thing: they may
   * share an engine, which must not lose it with the session that came first.
   */
  static of(call: object, about: string, name: string, ask: (signal: AbortSignal) => unknown): TextCallback {
    const ofCall = callbacks.get(call) ?? new Map<string, TextCallback>();
    callbacks.set(call, ofCall);
    const known = ofCall.get(about) ?? new TextCallback(name, ask);
    ofCall.set(about, known);
    return known;
  }

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

/** By function, and by what it is asked about: held by the function. */
const callbacks = new WeakMap<object, Map<string, TextCallback>>();
