import type { CommonOptions, Logger } from "../types";
import { type Check, type Checks, callback, integer, invalid, refused } from "./check";

/** Ten minutes: beyond it a wait is a hang. */
export const MAX_TIMEOUT_MS = 600_000;

export const DEFAULT_TIMEOUT_MS = 10_000;

const logger: Check<Logger> = (value, param) => {
  if (typeof value !== "object" || value === null) throw invalid(param, value, "a logger object");
  for (const level of ["debug", "info", "warn", "error"]) {
    if (typeof (value as Record<string, unknown>)[level] !== "function") {
      throw refused(param, `has no function \`${level}\``);
    }
  }
  return value as Logger;
};

export const commonChecks: Checks<CommonOptions> = {
  timeoutMs: integer(1, MAX_TIMEOUT_MS),
  advisoryWindowSeconds: integer(1, 43_200),
  logger,
  onWarning: callback,
};
