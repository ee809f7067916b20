import { inspect } from "node:util";
import type { NativeIdentity } from "./binding";
import type { AwsCredentialIdentity } from "./types";

/** Plain, extensible and of its own: SDK clients write to it. */
export function presented(keys: NativeIdentity, accountId: boolean): AwsCredentialIdentity {
  const credentials: Writable<AwsCredentialIdentity> = {
    accessKeyId: keys.accessKeyId,
    secretAccessKey: keys.secretAccessKey,
  };
  if (keys.sessionToken !== undefined) credentials.sessionToken = keys.sessionToken;
  if (keys.expirationMs !== undefined) credentials.expiration = new Date(keys.expirationMs);
  if (accountId && keys.accountId !== undefined) credentials.accountId = keys.accountId;
  return Object.defineProperty(credentials, inspect.custom, redacted);
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What `console.log` shows of credentials: everything but the secrets. */
const redacted = {
  value(this: AwsCredentialIdentity) {
    const shown: Record<string, unknown> = { ...this, secretAccessKey: "** redacted **" };
    if (this.sessionToken !== undefined) shown.sessionToken = "** redacted **";
    return shown;
  },
};
