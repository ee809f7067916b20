// Callbacks and providers as TypeScript sees them: what they may give, and what they get.

import type * as sdk from "@aws-sdk/types";
import {
  type AwsCredentialIdentityProvider,
  type CustomCredentials,
  type CustomIdentity,
  type CustomOptions,
  fromCustom,
  RefreshableSession,
  refreshable,
  type SeedCredentials,
} from "refresh-session";
import { holds, type Same } from "./assert.js";

const seed = { access_key: "a", secret_key: "s", token: "t", expiry_time: "2030-01-01T00:00:00Z" };
const identity = { accessKeyId: "a", secretAccessKey: "s" };

// ------------------------------------------------------------------------------------------------------------ taken

fromCustom(() => seed);
fromCustom(async () => seed);
fromCustom(async () => ({ ...seed, expiry_time: new Date() }));
fromCustom(() => identity);
fromCustom(async () => ({ ...identity, sessionToken: "t", expiration: new Date(), accountId: "1" }));
fromCustom(async () => ({ ...identity, expiration: "2030-01-01T00:00:00Z" }));
fromCustom(async (): Promise<sdk.AwsCredentialIdentity> => identity);
fromCustom(async () => seed, { refresh: "eager", timeoutMs: 1 });
new RefreshableSession({ method: "custom", customCredentials: async () => seed });
new RefreshableSession({ method: "custom", customCredentials: async () => identity, clientCache: { maxSize: 1 } });
holds<Same<ReturnType<typeof fromCustom>, AwsCredentialIdentityProvider>>();
fromCustom(async () => seed) satisfies sdk.AwsCredentialIdentityProvider;

/** What a callback is called with. */
fromCustom(
  async (args, context) => {
    holds<Same<typeof args, { role: string }>>();
    holds<Same<typeof context.signal, AbortSignal>>();
    return fetch(`https://a.example/${args.role}`, context).then((reply) => reply.json() as Promise<SeedCredentials>);
  },
  { customCredentialsArgs: { role: "gw" } },
);
const typed: CustomCredentials<number> = (args) => ({ ...identity, accountId: args.toFixed() });
const options: CustomOptions<number> = { customCredentials: typed, customCredentialsArgs: 1 };
fromCustom(options.customCredentials, { customCredentialsArgs: 2 });
holds<Same<keyof SeedCredentials, "access_key" | "secret_key" | "token" | "expiry_time">>();
holds<Same<CustomIdentity["expiration"], Date | string | undefined>>();

declare const chain: sdk.AwsCredentialIdentityProvider;
refreshable(chain) satisfies sdk.AwsCredentialIdentityProvider;
refreshable(chain, { refreshPolicy: "aws", accountId: true });
refreshable(new RefreshableSession({ method: "custom", customCredentials: () => seed }).credentials);

// ---------------------------------------------------------------------------------------------------------- refused

// @ts-expect-error a callback is needed
fromCustom();
// @ts-expect-error a callback, not its result
fromCustom(identity);
// @ts-expect-error half a set of keys
fromCustom(async () => ({ accessKeyId: "a" }));
// @ts-expect-error half a set of keys, in the seed's shape
fromCustom(async () => ({ access_key: "a", secret_key: "s", token: "t" }));
// @ts-expect-error a number is no end
fromCustom(async () => ({ ...identity, expiration: 1_900_000_000 }));
// @ts-expect-error the callback is the first argument
fromCustom(async () => seed, { customCredentials: async () => seed });
// @ts-expect-error no option of a callback
fromCustom(async () => seed, { endpoint: "a.example" });
// @ts-expect-error arguments of another type than the callback's
fromCustom(typed, { customCredentialsArgs: "1" });
// @ts-expect-error a callback is needed
new RefreshableSession({ method: "custom" });
// @ts-expect-error an endpoint is of another method
new RefreshableSession({ method: "custom", customCredentials: async () => seed, endpoint: "a.example" });
// @ts-expect-error a callback is of another method
new RefreshableSession({ method: "iot", endpoint: "a", roleAlias: "r", customCredentials: async () => seed });
// @ts-expect-error a provider, not its credentials
refreshable(identity);
// @ts-expect-error the provider has its own arguments
refreshable(chain, { customCredentialsArgs: 1 });
