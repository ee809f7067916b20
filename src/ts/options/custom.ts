import type { CommonOptions, CustomCredentials, CustomOptions } from "../types";
import { type Check, type Checks, callback, checked, required } from "./check";
import { commonChecks, type ParsedCommonOptions, parseCommonOptions } from "./common";

/** What a callback needs is its own affair. */
const anything: Check<unknown> = (value) => value;

const customChecks: Checks<CustomOptions> = {
  ...commonChecks,
  customCredentials: callback,
  customCredentialsArgs: anything as Check<NonNullable<unknown>>,
};

/** Options of `method: "custom"`, parsed. */
export interface ParsedCustomOptions extends ParsedCommonOptions {
  call: CustomCredentials;
  args: unknown;
}

export function parseCustomOptions(options: unknown, beside?: readonly string[]): ParsedCustomOptions {
  const given = checked<CustomOptions>(options, customChecks, "", beside);
  const call = required(given.customCredentials, "customCredentials");
  return { ...parseCommonOptions(given), call, args: given.customCredentialsArgs };
}

/** Options of `refreshable`. */
export function parseProviderOptions(options: unknown): ParsedCommonOptions {
  return parseCommonOptions(checked<CommonOptions>(options, commonChecks));
}
