// What a session gives fits the SDK: its types, and the configuration of a real client.

import { STSClient } from "@aws-sdk/client-sts";
import type * as sdk from "@aws-sdk/types";
import {
  type AwsCredentialIdentity,
  type AwsCredentialIdentityProvider,
  fromIot,
  type IotOptions,
  type Logger,
  type Method,
  RefreshableSession,
  type TemporaryCredentials,
} from "refresh-session";
import { holds, type Same } from "./assert.js";

declare const options: IotOptions;
const session = new RefreshableSession({ method: "iot", ...options });

// -------------------------------------------------------------------------------------------------------- providers

session.credentials satisfies sdk.AwsCredentialIdentityProvider;
fromIot(options) satisfies sdk.AwsCredentialIdentityProvider;
new STSClient({ credentials: session.credentials });
new STSClient({ credentials: fromIot(options), logger: console satisfies Logger });

holds<Same<typeof session.credentials, AwsCredentialIdentityProvider>>();
holds<Same<ReturnType<typeof fromIot>, AwsCredentialIdentityProvider>>();
holds<AwsCredentialIdentity extends sdk.AwsCredentialIdentity ? true : false>();
holds<sdk.AwsCredentialIdentity extends AwsCredentialIdentity ? true : false>();
holds<Same<typeof session.credentials.memoized, boolean | undefined>>();

// @ts-expect-error the provider is the session's, not the caller's
session.credentials = fromIot(options);
// @ts-expect-error a provider is called, not read
session.credentials.accessKeyId;

export async function read(): Promise<void> {
  const credentials = await session.credentials();
  holds<Same<typeof credentials, AwsCredentialIdentity>>();
  holds<Same<typeof credentials.accessKeyId, string>>();
  holds<Same<typeof credentials.secretAccessKey, string>>();
  holds<Same<typeof credentials.sessionToken, string | undefined>>();
  holds<Same<typeof credentials.expiration, Date | undefined>>();
  // @ts-expect-error credentials are not written to
  credentials.accessKeyId = "";

  const keys = await session.refreshableCredentials();
  holds<Same<typeof keys, TemporaryCredentials>>();
}

// ---------------------------------------------------------------------------------------------------------- session

holds<Same<keyof TemporaryCredentials, "accessKey" | "secretKey" | "token" | "expiryTime">>();
holds<Same<TemporaryCredentials["accessKey" | "secretKey"], string>>();
// Long-term keys have neither.
holds<Same<TemporaryCredentials["token" | "expiryTime"], string | undefined>>();

holds<Same<ReturnType<typeof RefreshableSession.availableMethods>, readonly Method[]>>();
holds<Same<typeof session.method, Method>>();
// @ts-expect-error the list is not the caller's
RefreshableSession.availableMethods().push("iot");
// @ts-expect-error a session's method is fixed
session.method = "iot";

holds<Same<ReturnType<typeof session.refresh>, Promise<void>>>();
holds<Same<ReturnType<typeof session.close>, Promise<void>>>();
export async function refresh(): Promise<void> {
  await session.refresh();
  await session.refresh({ force: true, signal: AbortSignal.timeout(1) });
  // @ts-expect-error not a boolean
  await session.refresh({ force: "yes" });
  // @ts-expect-error not a signal
  await session.refresh({ signal: new AbortController() });
  // @ts-expect-error no such option
  await session.refresh({ forced: true });
}

/** With `lib: esnext.disposable`; any Node that this package supports has `Symbol.asyncDispose`. */
export async function scoped(): Promise<string> {
  await using inBlock = new RefreshableSession({ method: "iot", ...options });
  return (await inBlock.credentials()).accessKeyId;
}
session satisfies AsyncDisposable;

/** A class of the caller's own is a session too. */
export class Gateway extends RefreshableSession {
  // @ts-expect-error the engine is private
  engine = this.#engine;
}
