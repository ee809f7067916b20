/** The environment's say on proxies. It is read here, once for each session, and judged in Rust. */

import type { NativeProxyOptions } from "../binding";
import { defined } from "./check";

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for HTTPS, if there is one: names and their precedence are `curl`'s. */
export function environmentProxy(environment: Environment): NativeProxyOptions | undefined {
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
