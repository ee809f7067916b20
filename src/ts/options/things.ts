/** What shadows and jobs take: types and lengths, checked. */

import { MqttError, ValidationError } from "../errors";
import type { JobDetails, JobEnd, JobOutcome, JobProgressOptions, JobsOptions } from "../mqtt/aws/jobTypes";
import type { ShadowChangeOptions, ShadowLoopOptions, ShadowOptions, ShadowState } from "../mqtt/aws/shadowTypes";
import { type Check, type Checks, checked, integer, invalid, quoted, refused, text } from "./check";
import { MAX_TIMEOUT_MS } from "./common";
import { oneOf, signal } from "./mqttCalls";

/** Of a shadow's document, without its metadata. */
const LARGEST_DOCUMENT = 8 * 1024;

/** A week: the longest time limit of a step. */
const LONGEST_STEP_MINUTES = 10_080;

const named =
  (pattern: RegExp, wanted: string): Check<string> =>
  (value, param) => {
    const given = text(value, param);
    if (!pattern.test(given)) throw refused(param, `is ${quoted(given)}: it must be ${wanted}`);
    return given;
  };

/** The name of a thing. A `/`, `+` or `#` in it would lead to topics of others. */
export const thingName = named(/^[\w:-]{1,128}$/, "1 to 128 letters, digits, `:`, `_` and `-`");

const shadowName = named(/^[$\w:-]{1,64}$/, "1 to 64 letters, digits, `$`, `:`, `_` and `-`");

/** The name in the options of `shadow`. */
export function parseShadow(options: unknown): string | undefined {
  return options === undefined ? undefined : checked<ShadowOptions>(options, { name: shadowName }).name;
}

const requestChecks: Checks<ShadowChangeOptions> = {
  timeoutMs: integer(1, MAX_TIMEOUT_MS),
  signal,
  version: integer(0, Number.MAX_SAFE_INTEGER),
};

export function parseRequest(options: unknown): ShadowChangeOptions {
  return options === undefined ? {} : checked<ShadowChangeOptions>(options, requestChecks);
}

export function parseLoop(options: unknown): AbortSignal | undefined {
  return options === undefined ? undefined : checked<ShadowLoopOptions>(options, { signal }).signal;
}

const half: Check<object | null> = (value, param) => {
  if (value === null || (typeof value === "object" && !Array.isArray(value))) return value;
  throw invalid(param, value, "an object or null");
};

/** A state to send; `null` in place of a half takes it away. */
export function parseState(state: unknown): ShadowState {
  // Not `checked`: there `undefined` and `null` are other things.
  const given = checked<{ desired: object; reported: object }>(
    state,
    { desired: half as Check<object>, reported: half as Check<object> },
    "state.",
  );
  if (Object.keys(given).length === 0) throw refused("state", "has neither `desired` nor `reported`");
  const bytes = Buffer.byteLength(asJson(given));
  if (bytes <= LARGEST_DOCUMENT) return given;
  throw new MqttError({
    code: "ERR_MQTT_PACKET_TOO_LARGE",
    message: `\`state\` is ${bytes} bytes long: a shadow holds ${LARGEST_DOCUMENT}`,
    hint: "Named shadows hold as much each.",
    param: "state",
  });
}

function asJson(value: object): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new ValidationError({
      code: "ERR_INVALID_OPTION",
      message: "option `state` cannot be written as JSON",
      param: "state",
      cause: error,
    });
  }
}

export const stepTimeout = integer(1, LONGEST_STEP_MINUTES);

export function parseRun(options: unknown): JobsOptions {
  return options === undefined ? {} : checked<JobsOptions>(options, { signal, stepTimeoutInMinutes: stepTimeout });
}

export function parseProgress(options: unknown): JobProgressOptions {
  return options === undefined ? {} : checked<JobProgressOptions>(options, { stepTimeoutInMinutes: stepTimeout });
}

/** What a handler of jobs gives; nothing: it has succeeded. */
export function parseOutcome(outcome: unknown): JobOutcome {
  if (outcome === undefined || outcome === null) return {};
  const status = oneOf<JobEnd>("SUCCEEDED", "FAILED", "REJECTED");
  return checked<JobOutcome>(outcome, { status, statusDetails: (value) => value as JobDetails });
}
