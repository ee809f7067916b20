/** The option `proxy`, and the environment's say on proxies: read here, once for each session, and judged in Rust. */

import type { NativeProxyOptions } from "../binding";
import { type Check, defined, invalid, text } from "./check";

type Environment = Readonly<Record<string, string | undefined>>;

export const proxy: Check<string | false> = (value, param) => {
  if (value === false) return value;
  if (typeof value !== "string") throw invalid(param, value, "a URL such as http://host:3128, or false");
  return text(value, param);
};

/** What the option says, or the environment where it says nothing. */
export function proxyOf(given: string | false | undefined): NativeProxyOptions | undefined {
  if (given === false) return undefined;
  return given === undefined ? environmentProxy(process.env) : defined({ url: given });
}

/** The proxy for HTTPS, if there is one: names and their precedence are `curl`'s. */
function environmentProxy(environment: Environment): NativeProxyOptions | undefined {
  const variable = firstSet(environment, "https_proxy", "HTTPS_PROXY");
  if (variable === undefined) return undefined;
  const exempt = firstSet(environment, "no_proxy", "NO_PROXY");
  return defined({
    url: environment[variable] as string,
    variable,
    noProxy: exempt === undefined ? undefined : environment[exempt],
  });
}

/** Lower case before upper case, and an empty one is as good as none. */
function firstSet(environment: Environment, ...names: string[]): string | undefined {
  return names.find((name) => (environment[name] ?? "") !== "");
}
