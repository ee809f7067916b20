import { boolean, type Check, type Checks, checked, integer, invalid, quoted, refused } from "../options/check";
import type { CachePolicy, ClientCacheOptions, ClientOptions } from "./types";

export const DEFAULT_POLICY: CachePolicy = "lru";
export const DEFAULT_MAX_SIZE = 64;

/** Checks the session option `clientCache`. */
export const clientCacheOption: Check<false | ClientCacheOptions> = (value, param) => {
  if (value === false) return false;
  if (typeof value !== "object" || value === null) throw invalid(param, value, "false or an object");
  return checked<ClientCacheOptions>(value, { policy, maxSize }, `${param}.`);
};

/** Checks the options of one `client()` call. */
export function clientOptions(options: unknown): ClientOptions {
  return checked<ClientOptions>(options, callChecks);
}

const policy: Check<CachePolicy> = (value, param) => {
  if (value === "lru" || value === "lfu") return value;
  const wanted = '"lru" or "lfu"';
  if (typeof value === "string") throw refused(param, `is ${quoted(value)}: it must be ${wanted}`);
  throw invalid(param, value, wanted);
};

const maxSize = integer(1, 10_000);

const callChecks: Checks<ClientOptions> = { policy, maxSize, cache: boolean };
