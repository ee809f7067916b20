/** What the jobs service says. */

import { type RefreshError, RequestError } from "../../errors";
import { asCount, asFields, asText, busyError, type Fields, said, unreadable } from "./answers";

/** One execution of a job, as the service tells it. */
export interface Execution {
  jobId: string;
  executionNumber: number;
  versionNumber: number;
  status: string;
  statusDetails: Record<string, string>;
  document: unknown;
}

/** The service's answers that mean: this is not how things stand. */
const STALE: ReadonlySet<string> = new Set(["VersionMismatch", "InvalidStateTransition", "TerminalStateReached"]);

export function jobRefused(answer: Fields, topic: string): RefreshError {
  const kind = asText(answer.code) ?? "no code";
  if (kind === "RequestThrottled") return busyError(topic, 429, answer);
  if (kind === "InternalError") return busyError(topic, 500, answer);
  return new RequestError({
    code: "ERR_JOB_REJECTED",
    message: `${topic} was rejected (${kind}): ${said(answer)}`,
    awsErrorType: kind,
  });
}

export function jobOver(jobId: string, how: string): RequestError {
  return new RequestError({
    code: "ERR_JOB_OVER",
    message: `job \`${jobId}\` is over: ${how}`,
    hint: "Nothing that it still does is reported.",
  });
}

export function isStale(error: unknown): boolean {
  return isRejected(error) && STALE.has(error.awsErrorType ?? "");
}

export function isGone(error: unknown): boolean {
  return isRejected(error) && error.awsErrorType === "ResourceNotFound";
}

function isRejected(error: unknown): error is RequestError {
  return error instanceof RequestError && error.code === "ERR_JOB_REJECTED";
}

/** The execution in an answer or a notification; `undefined` if it holds none. */
export function executionOf({ execution }: Fields, topic: string): Execution | undefined {
  const fields = asFields(execution);
  if (fields === undefined || Object.keys(fields).length === 0) return undefined;
  const { jobId, status } = fields;
  const [executionNumber, versionNumber] = [asCount(fields.executionNumber), asCount(fields.versionNumber)];
  const isId = typeof jobId === "string" && /^[\w-]{1,64}$/.test(jobId);
  if (!isId || typeof status !== "string" || executionNumber === undefined || versionNumber === undefined) {
    throw unreadable(topic, "`execution` lacks its id, status or numbers");
  }
  const statusDetails = detailsIn(fields.statusDetails);
  return { jobId, status, executionNumber, versionNumber, statusDetails, document: fields.jobDocument };
}

/** The version after an update, if it is told. */
export function versionAfter(answer: Fields): number | undefined {
  return asCount(asFields(answer.executionState)?.versionNumber);
}

function detailsIn(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(asFields(value) ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
