/** Who a session is: asked of STS, whatever the method. */

import type { NativeStsClientOptions } from "./binding";
import type { Engine } from "./engine";
import { ValidationError } from "./errors";
import { quoted } from "./options/check";
import { parseStsClientConfig } from "./options/sts";
import type { CallerIdentity, StsClientConfig } from "./sts/types";

/** What an engine knows of who it is, besides its keys. */
export interface Whereabouts {
  /** `CallerIdentity.source`. */
  readonly source: string;
  /** The same of the credentials that the session's are got with, where those are credentials too. */
  readonly baseSource?: string | undefined;
  /** The session's own STS, where it has one. */
  readonly client?: NativeStsClientOptions | undefined;
  readonly timeoutMs: number;
}

/** Who the session's keys belong to. */
export async function callerIdentity(engine: Engine, config: StsClientConfig | undefined): Promise<CallerIdentity> {
  return { method: engine.method, source: engine.caller.source, ...(await ask(engine, false, config)) };
}

/** Who the credentials belong to that those of the session are got with. */
export async function sourceIdentity(engine: Engine, config: StsClientConfig | undefined): Promise<CallerIdentity> {
  const source = engine.caller.baseSource;
  if (source === undefined) {
    throw new ValidationError({
      code: "ERR_INVALID_OPTION",
      message: `option \`method\` is ${quoted(engine.method)}: what its credentials are got with are no AWS credentials`,
      hint: 'Only sessions of "sts" have a source identity; `whoami()` tells who the session is.',
      param: "method",
    });
  }
  return { method: engine.method, source, ...(await ask(engine, true, config)) };
}

async function ask(engine: Engine, base: boolean, config: StsClientConfig | undefined) {
  const { client, timeoutMs } = engine.caller;
  const place = config === undefined && client !== undefined ? client : parseStsClientConfig(config, engine.region);
  const { account: Account, arn: Arn, userId: UserId } = await engine.whoIs(base, place, timeoutMs);
  return { Account, Arn, UserId };
}
