/** What is looked at, in this order, and what was found. */

/** The steps, each with what it is about. Whatever comes before the first cause is in order. */
export const STEPS = [
  "configuration",
  "options",
  "files",
  "clock",
  "certificate",
  "module",
  "token",
  "pin",
  "key",
  "key-match",
  "dns",
  "tcp",
  "proxy",
  "tls",
  "server-certificate",
  "acceptance",
  "answer",
] as const;

export type StepName = (typeof STEPS)[number];

export type State = "ok" | "warn" | "fail" | "skipped";

/** One step. */
export interface Step {
  name: StepName;
  state: State;
  found: string;
  /** What to do about it. */
  todo?: string | undefined;
  /** Of the error, if there is one. */
  code?: string | undefined;
}

const NOT_TRIED = "not tried";

export class Report {
  readonly #steps = new Map<StepName, Step>();
  readonly #notes = new Map<StepName, string>();

  ok(name: StepName, found: string): void {
    this.#set({ name, state: "ok", found });
  }

  warn(name: StepName, found: string, todo?: string): void {
    this.#set({ name, state: "warn", found, todo });
  }

  fail(name: StepName, found: string, todo?: string, code?: string): void {
    this.#set({ name, state: "fail", found, todo, code });
  }

  skip(name: StepName, found: string): void {
    this.#set({ name, state: "skipped", found });
  }

  /** What to say of a step if it turns out to be in order. */
  note(name: StepName, found: string): void {
    this.#notes.set(name, found);
  }

  get failed(): Step | undefined {
    return this.steps().find(({ state }) => state === "fail");
  }

  /** Says of every step before `name` that has no verdict of its own that it is in order, since `name` was reached. */
  reached(name: StepName): void {
    for (const earlier of STEPS.slice(0, STEPS.indexOf(name))) {
      if (!this.#steps.has(earlier)) this.ok(earlier, this.#notes.get(earlier) ?? "nothing wrong");
    }
  }

  /** All steps, in order. What comes after the first cause was not tried. */
  steps(): Step[] {
    return STEPS.map((name) => this.#steps.get(name) ?? { name, state: "skipped", found: NOT_TRIED });
  }

  /** A verdict is not replaced by a better one: a warning stays, with both texts. */
  #set(step: Step): void {
    const before = this.#steps.get(step.name);
    const keeps = before?.state === "warn" && step.state !== "fail";
    if (!keeps) {
      this.#steps.set(step.name, step);
      return;
    }
    const todo = [before.todo, step.todo].filter((text) => text !== undefined).join(" ");
    const found = before.found === step.found ? step.found : `${step.found}; ${before.found}`;
    this.#steps.set(step.name, { ...before, found, todo: todo === "" ? undefined : todo });
  }
}
