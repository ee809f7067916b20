// Sessions and clients that end with their test.

import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { RefreshableSession } from "refresh-session";

// What the SDK says about Node's age is not about us, and would stand in every report.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

/** A session that is closed when the test is over. */
export function sessionFor(t, options) {
  const session = new RefreshableSession(options);
  t.teardown(() => session.close());
  return session;
}

let alone = 0;

/**
 * The same options for an engine of its own. Sessions on the same source share one until the last of them is closed,
 * and a provider cannot be closed. The limit that makes the difference is never the one that ends a fetch.
 */
export function unshared(options) {
  return { ...options, connectTimeoutMs: 600_000 - alone++ };
}

/** What STS says the caller is, signed by the real SDK with these credentials. */
export async function callerIdentity(bed, config) {
  const client = new STSClient({ region: "eu-west-1", endpoint: bed.sts.http, ...config });
  try {
    return await client.send(new GetCallerIdentityCommand({}));
  } finally {
    client.destroy();
  }
}

/** Keys for a test that looks for them where they must not be. */
export function secretsOf(credentials) {
  return [credentials.secretAccessKey, credentials.sessionToken];
}

/** A logger that keeps what it gets. */
export function recorder() {
  const lines = [];
  const keep =
    (level) =>
    (...content) =>
      lines.push({ level, text: content.join(" ") });
  return { lines, debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
}

/** The log's events of a kind, once there are so many: the testbed waits, nobody sleeps. */
export function awaited(bed, event, atLeast) {
  return bed.control("GET", `/log?event=${event}&atLeast=${atLeast}&waitMs=10000`);
}
