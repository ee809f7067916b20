// AWS credentials from a device certificate, handed to an AWS client.
//
//   node examples/iot.mjs OPTIONS.json
//
// OPTIONS.json holds the options of the session, and of the client if it needs any. Against real AWS:
//
//   {
//     "session": {
//       "method": "iot",
//       "endpoint": "abc123.credentials.iot.eu-west-1.amazonaws.com",
//       "roleAlias": "gateway-role",
//       "thingName": "gw-0042",
//       "certificate": "/etc/gw/cert.pem",
//       "privateKey": "/etc/gw/key.pem"
//     },
//     "client": { "region": "eu-west-1" }
//   }
//
// With the key in a token, instead of "privateKey":
//
//   "pkcs11": { "library": "/usr/lib/softhsm/libsofthsm2.so", "tokenLabel": "gw", "privateKeyLabel": "key", "userPin": "…" }

import { readFileSync } from "node:fs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { RefreshableSession } from "refresh-session";

const options = JSON.parse(readFileSync(process.argv[2], "utf8"));
const session = new RefreshableSession(options.session);
try {
  const started = performance.now();
  const { accessKeyId, expiration } = await session.credentials();
  const fetched = performance.now();
  await session.credentials();
  const cached = performance.now();
  console.log(`  credentials    ${accessKeyId}, until ${expiration.toISOString()}`);
  console.log(`  first call     ${(fetched - started).toFixed(1)} ms: TLS handshake, request, reply`);
  console.log(`  second call    ${((cached - fetched) * 1000).toFixed(0)} µs: from memory`);

  const sts = new STSClient({ ...options.client, credentials: session.credentials });
  const { Arn } = await sts.send(new GetCallerIdentityCommand({}));
  console.log(`  AWS knows us   ${Arn}`);
} catch (error) {
  console.log(`  ${error.name} ${error.code}\n  ${error.message}`);
  process.exitCode = 1;
} finally {
  await session.close();
}
