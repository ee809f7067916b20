import type { NativeCommonOptions } from "../binding";
import { ConfigurationError } from "../errors";
import type { Reporting } from "../reporting";
import type { CommonOptions, Logger, RefreshMode } from "../types";
import {
  boolean,
  type Check,
  type Checked,
  type Checks,
  callback,
  defined,
  integer,
  invalid,
  quoted,
  refused,
  text,
} from "./check";

/** Ten minutes: beyond it a wait is a hang. */
export const MAX_TIMEOUT_MS = 600_000;

export const DEFAULT_TIMEOUT_MS = 10_000;

/** Twelve hours: the longest life of role credentials. */
const MAX_WINDOW_SECONDS = 43_200;

const logger: Check<Logger> = (value, param) => {
  if (typeof value !== "object" || value === null) throw invalid(param, value, "a logger object");
  for (const level of ["debug", "info", "warn", "error"]) {
    if (typeof (value as Record<string, unknown>)[level] !== "function") {
      throw refused(param, `has no function \`${level}\``);
    }
  }
  return value as Logger;
};

const mode: Check<RefreshMode> = (value, param) => {
  if (value === "deferred" || value === "eager") return value;
  const wanted = '"deferred" or "eager"';
  if (typeof value === "string") throw refused(param, `is ${quoted(value)}: it must be ${wanted}`);
  throw invalid(param, value, wanted);
};

/** Becomes part of host names. */
export const region: Check<string> = (value, param) => {
  const name = text(value, param);
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return name;
  throw refused(param, `is ${quoted(name)}: it must be an AWS region such as "eu-west-1"`);
};

const seconds: Check<number> = (value, param) => {
  const wanted = "a number of seconds from 0 to 86400";
  if (typeof value !== "number") throw invalid(param, value, wanted);
  if (value >= 0 && value <= 86_400) return value;
  throw refused(param, `is ${value}: it must be ${wanted}`);
};

export const commonChecks: Checks<CommonOptions> = {
  region,
  refresh: mode,
  deferRefresh: boolean,
  // Which there are is known in Rust.
  refreshPolicy: text as Check<NonNullable<CommonOptions["refreshPolicy"]>>,
  advisoryWindowSeconds: integer(1, MAX_WINDOW_SECONDS),
  mandatoryWindowSeconds: integer(1, MAX_WINDOW_SECONDS),
  startupJitterSeconds: seconds,
  timeoutMs: integer(1, MAX_TIMEOUT_MS),
  accountId: boolean,
  logger,
  onWarning: callback,
};

/** The common options, parsed. */
export interface ParsedCommonOptions {
  common: NativeCommonOptions;
  region: string | undefined;
  accountId: boolean;
  reporting: Reporting;
}

/** Makes the native side's object of the common options in `given`. */
export function parseCommonOptions(given: Checked<CommonOptions>): ParsedCommonOptions {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, refreshPolicy, advisoryWindowSeconds, mandatoryWindowSeconds } = given;
  const { startupJitterSeconds, region, accountId = false, logger, onWarning } = given;
  return {
    common: defined({
      timeoutMs,
      eager: isEager(given),
      refreshPolicy,
      advisoryWindowSeconds,
      mandatoryWindowSeconds,
      startupJitterSeconds,
    }),
    region,
    accountId,
    reporting: defined({ logger, onWarning }),
  };
}

function isEager({ refresh, deferRefresh }: Checked<CommonOptions>): boolean {
  if (refresh !== undefined && deferRefresh !== undefined && deferRefresh !== (refresh === "deferred")) {
    throw new ConfigurationError({
      code: "ERR_CONFLICTING_OPTIONS",
      message: `option \`deferRefresh\` is ${deferRefresh}, but \`refresh\` is "${refresh}"`,
      hint: "They say the same thing: give one of them.",
      param: "deferRefresh",
    });
  }
  return refresh === "eager" || deferRefresh === false;
}
