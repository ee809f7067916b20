/** Public types of jobs. */

import type { Job } from "./Job";

/** What a job says of itself: at most 10 names of up to 128 letters, digits, `:`, `_` and `-`, with texts of up to 1024. */
export type JobDetails = Readonly<Record<string, string | number | boolean>>;

/** Options of `next` and `run`. */
export interface JobsOptions {
  /** Ends `run` or the wait. A job under way stays in progress, and is the first one next time. */
  signal?: AbortSignal;
  /** AWS calls a job `TIMED_OUT` so many minutes after its last update, 1 to 10 080. Default: the job's own limit. */
  stepTimeoutInMinutes?: number;
}

/** Options of `progress`. */
export interface JobProgressOptions {
  /** As in `run`, counted from now. */
  stepTimeoutInMinutes?: number;
}

/** How a job ends. */
export type JobEnd = "SUCCEEDED" | "FAILED" | "REJECTED";

/** What a handler may give. */
export interface JobOutcome {
  /** Default `"SUCCEEDED"`. */
  status?: JobEnd;
  /** Default: those of the last `progress` stay. */
  statusDetails?: JobDetails;
}

/**
 * Carries a job out. It has succeeded when this resolves, unless it says otherwise, and failed when this throws. A job that was
 * under way when the device stopped comes again, with the `statusDetails` of its last `progress`.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that gives nothing is one
export type JobHandler = (job: Job) => JobOutcome | void | Promise<JobOutcome | void>;
