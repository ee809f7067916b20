/**
 * The jobs of a thing, one at a time, over `$aws/things/<thing>/jobs`.
 *
 * The service says whose turn it is: `start-next` gives the job that is in progress, for this device may have stopped in the
 * middle of it, and else the first that waits. When there is none, `notify-next` tells of the next one; after a reconnect it is
 * asked again, since that may have been missed. A job that is no longer the next one while it is under way is looked at: it may
 * have been cancelled.
 *
 * Subscriptions, of the 50 of a connection: five, and two more once a job had to be read again.
 */

import { MqttError } from "../../errors";
import { callback } from "../../options/check";
import { parseDetails, thrownDetails } from "../../options/jobDetails";
import { parseOutcome, parseRun } from "../../options/things";
import { type Fields, isPassing } from "./answers";
import type { Conversation } from "./Conversation";
import { type Job, newJob } from "./Job";
import { executionOf } from "./jobAnswers";
import type { JobEnd, JobHandler, JobsOptions } from "./jobTypes";
import { Newest } from "./Newest";
import { delayAfter, pause } from "./pause";

/** Set by the class: its constructor is nobody else's. */
let make: (thing: string, conversation: Conversation) => Jobs;

/** @internal */
export function newJobs(thing: string, conversation: Conversation): Jobs {
  return make(thing, conversation);
}

/** The jobs of a thing. From `connection.jobs`. */
export class Jobs {
  static {
    // Not by its name: bundlers rename a class that names itself here, and users see `_Jobs`.
    make = (thing, conversation) => new this(thing, conversation);
  }

  readonly thing: string;
  readonly #conversation: Conversation;
  /** There may be a job that there was not. */
  readonly #news = new Newest<true>();
  #job: Job | undefined;
  #busy = false;

  private constructor(thing: string, conversation: Conversation) {
    this.thing = thing;
    this.#conversation = conversation;
    conversation.listen("notify-next", { hear: (body) => this.#told(body), missed: () => this.#look() });
  }

  /**
   * The next job, begun: waits until there is one. While that is not over, it is the same one.
   *
   * @throws RequestError, MqttError if jobs may not be asked for; ClosedError; `signal.reason`.
   */
  async next(options?: JobsOptions): Promise<Job> {
    const { signal, ...step } = parseRun(options);
    return this.#alone(async () => {
      const { ending } = this.#conversation;
      const stop = signal === undefined ? ending : AbortSignal.any([signal, ending]);
      const job = await this.#next(step, stop, ending);
      if (job === undefined) throw stop.reason;
      return job;
    });
  }

  /**
   * Carries out one job after the other, until `signal` is aborted or this is closed, or the connection: then it resolves, when
   * the handler has. A job has succeeded if the handler does, has failed if that throws, with `error` in its `statusDetails`.
   *
   * @throws RequestError, MqttError if AWS refuses something for good. What passes is tried again.
   */
  async run(handler: JobHandler, options?: JobsOptions): Promise<void> {
    const call: JobHandler = callback(handler, "handler");
    const { signal, ...step } = parseRun(options);
    await this.#alone(async () => {
      const { ending } = this.#conversation;
      const stop = signal === undefined ? ending : AbortSignal.any([signal, ending]);
      for (;;) {
        const job = await this.#next(step, stop, stop);
        if (job === undefined) return;
        try {
          await this.#carryOut(job, call, stop);
        } finally {
          // Not given out again: its signal may be aborted.
          this.#job = undefined;
        }
      }
    });
  }

  /** Ends the subscriptions, and rejects what waits with `ERR_CLOSED`. A job under way stays in progress. */
  async close(): Promise<void> {
    await this.#conversation.close(`the jobs of \`${this.thing}\``);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#conversation.ending.throwIfAborted();
    if (this.#busy) {
      throw new MqttError({
        code: "ERR_JOBS_BUSY",
        message: `\`run\` or \`next\` of the jobs of \`${this.thing}\` is under way already`,
        hint: "A device does one job at a time.",
      });
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  /** Waits for it; `undefined`: `stop` was aborted. `life` ends what the job does. */
  async #next(step: Fields, stop: AbortSignal, life: AbortSignal): Promise<Job | undefined> {
    if (this.#job !== undefined && !this.#job.over) return this.#job;
    for (let failures = 0; !stop.aborted; ) {
      try {
        await this.#conversation.subscribe(["notify-next"]);
        this.#news.take();
        const answer = await this.#conversation.ask("start-next", step, { repeatable: true, signal: stop });
        const execution = executionOf(answer, "start-next/accepted");
        failures = 0;
        if (execution !== undefined) {
          this.#job = newJob(execution, this.#conversation, life);
          return this.#job;
        }
        await this.#news.changed(stop);
      } catch (error) {
        if (stop.aborted) break;
        if (!isPassing(error)) throw error;
        await pause(delayAfter(failures++), stop);
      }
    }
    return undefined;
  }

  async #carryOut(job: Job, handler: JobHandler, stop: AbortSignal): Promise<void> {
    let end: JobEnd = "SUCCEEDED";
    let details: Record<string, string> | undefined;
    try {
      const { status = "SUCCEEDED", statusDetails } = parseOutcome(await handler(job));
      end = status;
      details = parseDetails(statusDetails);
    } catch (thrown) {
      // It is to be taken up again.
      if (stop.aborted) return;
      end = "FAILED";
      details = thrownDetails(thrown);
    }
    if (job.over) return;
    try {
      if (end === "SUCCEEDED") await job.succeed(details);
      else if (end === "FAILED") await job.fail(details);
      else await job.reject(details);
    } catch (error) {
      if (!job.over && !stop.aborted) throw error;
    }
  }

  /** Of whose turn it is. */
  #told(body: Fields | undefined): void {
    let next: string | undefined;
    try {
      next = executionOf(body ?? {}, "notify-next")?.jobId;
      // What cannot be read may mean anything.
      if (next === undefined && body !== undefined && this.#job === undefined) return;
    } catch {}
    if (next === undefined || next !== this.#job?.jobId) this.#look();
  }

  /** Finds out how things stand: whether the job is over, or there is one. */
  #look(): void {
    const job = this.#job;
    if (job === undefined || job.over) this.#news.put(true);
    // It is looked at again when it is reported; nobody waits for this.
    else job.look().catch(() => {});
  }
}
