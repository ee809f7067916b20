import { parseDetails } from "../../options/jobDetails";
import { parseProgress } from "../../options/things";
import { isPassing } from "./answers";
import type { Conversation } from "./Conversation";
import { type Execution, executionOf, isGone, isStale, jobOver, versionAfter } from "./jobAnswers";
import type { JobDetails, JobEnd, JobProgressOptions } from "./jobTypes";
import { delayAfter, pause } from "./pause";

/** More changes by others than that between reading and writing are no coincidence. */
const MOST_CONFLICTS = 5;

/** Set by the class: its constructor is nobody else's. */
let make: (execution: Execution, conversation: Conversation, stop: AbortSignal) => Job;

/** @internal */
export function newJob(execution: Execution, conversation: Conversation, stop: AbortSignal): Job {
  return make(execution, conversation, stop);
}

/** What an update says. */
interface Update {
  status: JobEnd | "IN_PROGRESS";
  statusDetails?: Record<string, string> | undefined;
  stepTimeoutInMinutes?: number | undefined;
}

/**
 * A job that has begun here. Its functions may be taken off it: `({ document, progress }) => …`.
 *
 * Each update names the version that it changes. If somebody else has changed it, or an answer was lost, the job is read again
 * first; so none is carried out twice, and none brings a job back that is over.
 */
export class Job {
  static {
    // Not by its name: bundlers rename a class that names itself here, and users see `_Job`.
    make = (execution, conversation, stop) => new this(execution, conversation, stop);
  }

  readonly jobId: string;
  /** The job document: JSON of whoever made the job. */
  readonly document: unknown;
  readonly executionNumber: number;
  /** Aborted when the job is over without us (cancelled, timed out), and when its loop is to end. */
  readonly signal: AbortSignal;
  readonly #conversation: Conversation;
  readonly #stop: AbortSignal;
  readonly #ending = new AbortController();
  #versionNumber: number;
  #statusDetails: Record<string, string>;
  #settled = false;
  /** Updates go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(execution: Execution, conversation: Conversation, stop: AbortSignal) {
    this.jobId = execution.jobId;
    this.document = execution.document;
    this.executionNumber = execution.executionNumber;
    this.#versionNumber = execution.versionNumber;
    this.#statusDetails = execution.statusDetails;
    this.#conversation = conversation;
    this.#stop = stop;
    this.signal = AbortSignal.any([this.#ending.signal, stop]);
  }

  /** Counted up by AWS at each change. */
  get versionNumber(): number {
    return this.#versionNumber;
  }

  /** What was said last, here or before the device stopped. */
  get statusDetails(): Readonly<Record<string, string>> {
    return { ...this.#statusDetails };
  }

  /** Whether it has ended, by us or without us. */
  get over(): boolean {
    return this.#settled || this.#ending.signal.aborted;
  }

  /**
   * Says how far it is.
   *
   * @throws RequestError with `ERR_JOB_OVER` if it is over: stop then; ValidationError; ClosedError.
   */
  readonly progress = async (statusDetails?: JobDetails, options?: JobProgressOptions): Promise<void> =>
    this.#updated({ status: "IN_PROGRESS", statusDetails: parseDetails(statusDetails), ...parseProgress(options) });

  /** It has succeeded. Throws as `progress` does. */
  readonly succeed = (statusDetails?: JobDetails): Promise<void> => this.#end("SUCCEEDED", statusDetails);

  /** It has failed. Throws as `progress` does. */
  readonly fail = (statusDetails?: JobDetails): Promise<void> => this.#end("FAILED", statusDetails);

  /** It is not for this device, or not now. Throws as `progress` does. */
  readonly reject = (statusDetails?: JobDetails): Promise<void> => this.#end("REJECTED", statusDetails);

  /**
   * Reads how it stands: it may be over.
   *
   * @internal
   */
  async look(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.over) await this.#read(() => false);
    });
  }

  async #end(status: JobEnd, statusDetails: JobDetails | undefined): Promise<void> {
    await this.#updated({ status, statusDetails: parseDetails(statusDetails) });
  }

  #updated(update: Update): Promise<void> {
    return this.#inTurn(() => this.#update(update));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Tries until it is done, or cannot be. */
  async #update(update: Update): Promise<void> {
    let conflicts = 0;
    for (let failures = 0; ; failures++) {
      this.#ending.signal.throwIfAborted();
      if (this.#settled) throw jobOver(this.jobId, "its end was reported already");
      const expectedVersion = this.#versionNumber;
      try {
        const answer = await this.#conversation.ask(`${this.jobId}/update`, this.#request(update), {
          answers: "+/update",
          repeatable: false,
        });
        return this.#done(update, versionAfter(answer) ?? expectedVersion + 1);
      } catch (error) {
        if (isGone(error)) throw this.#gone();
        if (isStale(error)) conflicts += 1;
        else if (!isPassing(error) || this.#stop.aborted) throw error;
        if (conflicts > MOST_CONFLICTS) throw error;
        if (!isStale(error)) await pause(delayAfter(failures), this.signal);
      }
      if (await this.#happened(update, expectedVersion)) return;
    }
  }

  #request({ status, statusDetails, stepTimeoutInMinutes }: Update): Record<string, unknown> {
    return {
      status,
      expectedVersion: this.#versionNumber,
      executionNumber: this.executionNumber,
      includeJobExecutionState: true,
      ...(statusDetails === undefined ? {} : { statusDetails }),
      ...(stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes }),
    };
  }

  #done({ status, statusDetails }: Update, version: number): void {
    this.#versionNumber = version;
    this.#statusDetails = statusDetails ?? this.#statusDetails;
    if (status !== "IN_PROGRESS") this.#settled = true;
  }

  /** Whether an update without an answer was carried out all the same. */
  async #happened(update: Update, expectedVersion: number): Promise<boolean> {
    const isOurs = ({ status, versionNumber, statusDetails }: Execution) =>
      status === update.status &&
      versionNumber === expectedVersion + 1 &&
      Object.entries(update.statusDetails ?? {}).every(([name, text]) => statusDetails[name] === text);
    try {
      const found = await this.#read(isOurs);
      if (!isOurs(found)) return false;
      this.#done(update, found.versionNumber);
      return true;
    } catch (error) {
      if (this.over || !isPassing(error) || this.#stop.aborted) throw error;
      return false;
    }
  }

  /** How it stands. It is over for us if it has an end that is not ours. */
  async #read(isOurs: (found: Execution) => boolean): Promise<Execution> {
    const topic = `${this.jobId}/get`;
    try {
      const body = { executionNumber: this.executionNumber, includeJobDocument: false };
      const answer = await this.#conversation.ask(topic, body, { answers: "+/get", repeatable: true });
      const found = executionOf(answer, topic);
      if (found === undefined) throw this.#gone();
      if (isOurs(found)) return found;
      if (found.status !== "IN_PROGRESS" && found.status !== "QUEUED") throw this.#lost(`it is ${found.status}`);
      this.#versionNumber = found.versionNumber;
      return found;
    } catch (error) {
      throw isGone(error) ? this.#gone() : error;
    }
  }

  #gone(): Error {
    return this.#lost("it does not exist any more");
  }

  #lost(how: string): Error {
    const error = jobOver(this.jobId, how);
    this.#ending.abort(error);
    return error;
  }
}
