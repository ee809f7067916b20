// The SDK versions that tests run against, each with STS and S3, and in what they differ.
//
// `Client`, `options` and `operate` stand apart: a test makes the client itself, or has a session make it.

import s3Now from "@aws-sdk/client-s3";
import stsNow from "@aws-sdk/client-sts";
import s3600 from "client-s3-600";
import s3758 from "client-s3-758";
import s3901 from "client-s3-901";
import sts600 from "client-sts-600";
import sts758 from "client-sts-758";
import sts901 from "client-sts-901";

// What the SDK says about Node's age is not about us, and would stand in every report.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const sts = (sdk) => ({
  service: "sts",
  sdk,
  Client: sdk.STSClient,
  options: (bed) => ({ region: "eu-west-1", endpoint: bed.sts.http }),
  operate: (client) => client.send(new sdk.GetCallerIdentityCommand({})),
  expiredStatus: 403,
});

const s3 = (sdk) => ({
  service: "s3",
  sdk,
  Client: sdk.S3Client,
  options: (bed) => ({ region: "eu-west-1", endpoint: bed.s3.http, forcePathStyle: true }),
  operate: (client) => client.send(new sdk.ListBucketsCommand({})),
  expiredStatus: 400,
});

/** What current clients do. */
const current = {
  // Provider calls while the keys have less than five minutes left: three operations in turn, and fifty at once.
  asked: { inTurn: 7, atOnce: 3 },
  // Whether `memoized` on the provider keeps the client from keeping the keys itself.
  memoized: true,
  // Whether the client writes into the object it is given, and throws when that is frozen.
  writesIntoKeys: false,
  // Whether `client.config.credentials({ forceRefresh: true })` asks the provider.
  forceRefresh: true,
  // How often the provider is asked when it throws what looks like a broken connection.
  askedAfterReset: 1,
  // Whether `$retryable` on an error is enough to have the request made again.
  retryableByTrait: true,
};

const v901 = { ...current, writesIntoKeys: true };
const v758 = { ...v901, memoized: false, forceRefresh: false };
const v600 = { ...current, memoized: false, retryableByTrait: false };

/** One row for each client. */
export const matrix = [
  { version: "3.600.0", ...v600, ...sts(sts600) },
  // The last with S3's old middleware for signing: it asks in one place only, and that is inside the retries.
  { version: "3.600.0", ...v600, asked: { inTurn: 4, atOnce: 2 }, askedAfterReset: 3, ...s3(s3600) },
  { version: "3.758.0", ...v758, ...sts(sts758) },
  { version: "3.758.0", ...v758, ...s3(s3758) },
  { version: "3.901.0", ...v901, ...sts(sts901) },
  { version: "3.901.0", ...v901, ...s3(s3901) },
  { version: "3.1169.0", ...current, ...sts(stsNow) },
  { version: "3.1169.0", ...current, ...s3(s3Now) },
].map((row) => ({ ...row, label: `${row.service} ${row.version}` }));

/** A client of this row that is destroyed when the test is over. */
export function clientFor(t, row, bed, config) {
  const client = new row.Client({ ...row.options(bed), ...config });
  t.teardown(() => client.destroy());
  return client;
}

/** The requests that this row's service has had: `accessKeyId`, `status`, `error` and more. */
export function requestsOf(row, bed) {
  return bed.control("GET", `/log?event=request&service=${row.service}`);
}

/** A fault of this row's service, for so many requests. */
export function faultOf(row, bed, fault, count = null) {
  return bed.control("PUT", `/faults/${row.service}`, { ...fault, count });
}
