// A session as TypeScript sees it: its clients, its events, how it stands.

import { EventEmitter, once } from "node:events";
import { ListBucketsCommand, type ListBucketsCommandOutput, S3Client } from "@aws-sdk/client-s3";
import { STSClient } from "@aws-sdk/client-sts";
import { S3Client as OldS3Client } from "client-s3-600";
import {
  type CallerIdentity,
  type ClientCache,
  type ClientCacheStats,
  client,
  getDefaultSession,
  type KeysEvent,
  type RefreshableSession,
  type SdkClient,
  type SessionEventMap,
  type SessionStatus,
  type SessionWarning,
  setDefaultSession,
  type Zone,
} from "refresh-session";
import { holds, type Same } from "./assert.js";

declare const session: RefreshableSession;

// ---------------------------------------------------------------------------------------------------------- clients

holds<Same<ReturnType<typeof session.client<typeof S3Client>>, S3Client>>();
const s3 = session.client(S3Client, { region: "eu-west-1", forcePathStyle: true }, { policy: "lfu", maxSize: 1 });
holds<Same<typeof s3, S3Client>>();
const sts = session.client(STSClient);
holds<Same<typeof sts, STSClient>>();
const old = session.client(OldS3Client, { endpoint: "https://a.example" }, { cache: false });
holds<Same<typeof old, OldS3Client>>();

export async function listed(): Promise<void> {
  const reply = await s3.send(new ListBucketsCommand({}));
  holds<Same<typeof reply, ListBucketsCommandOutput>>();
}

// @ts-expect-error the session supplies the credentials
session.client(S3Client, { credentials: session.credentials });
// @ts-expect-error no such option of this client
session.client(S3Client, { reqion: "eu-west-1" });
// @ts-expect-error not a region
session.client(S3Client, { region: 1 });
// @ts-expect-error a command is no client
session.client(ListBucketsCommand);
// @ts-expect-error a client is made from its class
session.client(s3);
// @ts-expect-error a class is needed
session.client("s3");
// @ts-expect-error no such policy
session.client(S3Client, {}, { policy: "fifo" });
// @ts-expect-error no such option
session.client(S3Client, {}, { size: 1 });
// @ts-expect-error an S3 client has no such method
session.client(S3Client).listBuckets;

setDefaultSession(session);
setDefaultSession(undefined);
holds<Same<ReturnType<typeof client<typeof S3Client>>, S3Client>>();
const byDefault = client(S3Client, { region: "eu-west-1" });
holds<Same<typeof byDefault, S3Client>>();
getDefaultSession()?.client(S3Client) satisfies S3Client | undefined;
// @ts-expect-error the default session's credentials count here too
client(S3Client, { credentials: session.credentials });
// @ts-expect-error not a session
setDefaultSession({});

holds<Same<typeof session.cache, ClientCache>>();
holds<Same<ReturnType<typeof session.cache.keys>, string[]>>();
holds<Same<ReturnType<typeof session.cache.stats>, ClientCacheStats>>();
const kept = session.cache.get(S3Client, { region: "eu-west-1" });
holds<Same<typeof kept, S3Client | undefined>>();
session.cache.get("S3Client#1") satisfies SdkClient | undefined;
for (const [key, each] of session.cache) holds<Same<[typeof key, typeof each], [string, SdkClient]>>();
// @ts-expect-error clients are made by the session
session.cache.set("S3Client#1", s3);
// @ts-expect-error the cache is the session's
session.cache = new Map();

// ----------------------------------------------------------------------------------------------------------- events

session
  .on("refresh", (event) => holds<Same<typeof event, KeysEvent>>())
  .once("expired", ({ accessKeyId, expiration }) =>
    holds<Same<[typeof accessKeyId, typeof expiration], [string, Date | undefined]>>(),
  )
  .on("refreshError", (error) => holds<Same<typeof error, Error>>())
  .addListener("warning", (warning) => holds<Same<typeof warning, SessionWarning>>())
  .prependListener("close", (...nothing) => holds<Same<typeof nothing, []>>())
  .off("close", () => {}) satisfies RefreshableSession;
holds<Same<keyof SessionEventMap, "refresh" | "refreshError" | "expired" | "warning" | "close">>();
session satisfies EventEmitter;
once(session, "refresh", { signal: AbortSignal.timeout(1) }) satisfies Promise<unknown[]>;
EventEmitter.on(session, "refreshError");

// @ts-expect-error no such event
session.on("refreshed", () => {});
// @ts-expect-error `error` is not one, so that nobody has to listen
session.on("error", () => {});
// @ts-expect-error no such field, and never a secret
session.on("refresh", ({ secretAccessKey }) => secretAccessKey);
// @ts-expect-error a warning is no text
session.on("warning", (warning: string) => warning);
// @ts-expect-error nothing comes with the end
session.on("close", (reason: string) => reason);

// ----------------------------------------------------------------------------------------------------------- status

holds<Same<ReturnType<typeof session.status>, SessionStatus>>();
holds<Same<ReturnType<typeof session.ready>, Promise<void>>>();
holds<Same<ReturnType<typeof session.invalidate>, boolean>>();
holds<Same<Zone, "empty" | "fresh" | "advisory" | "mandatory" | "expired" | "closed">>();
const { zone, expiresAt, refreshAt, fetches, failures, lastError, clockOffsetMs, certificateExpiry } = session.status();
holds<Same<typeof zone, Zone>>();
holds<Same<ReturnType<typeof session.whoami>, Promise<CallerIdentity>>>();
holds<Same<typeof session.whoami, typeof session.getCallerIdentity>>();
holds<Same<typeof session.whoami, typeof session.sourceIdentity>>();
session
  .whoami({ region: "eu-west-1", endpoint: new URL("https://sts.example") })
  .then(({ Account, Arn, UserId, source }) => {
    holds<Same<typeof Account | typeof Arn | typeof UserId, string | undefined>>();
    holds<Same<typeof source, string>>();
  });
// @ts-expect-error no such option of STS
session.whoami({ regoin: "eu-west-1" });
holds<Same<typeof lastError, Error | undefined>>();
holds<Same<[typeof fetches, typeof failures, typeof clockOffsetMs], [number, number, number | undefined]>>();
for (const date of [expiresAt, refreshAt, certificateExpiry]) holds<Same<typeof date, Date | undefined>>();
// @ts-expect-error a status is read
session.status().zone = "fresh";
// @ts-expect-error an id is a text
session.invalidate(undefined);
