// A gateway that stores in another account: its device certificate gives keys of one role, these assume another, and an S3
// client of that one writes and reads. One session each; whichever keys end are renewed by themselves.
//
//   node examples/other-account.mjs OPTIONS.json
//
// OPTIONS.json: `gateway` as `session` of examples/iot.mjs, then the role and where it stores. Against real AWS:
//
//   {
//     "gateway": { "method": "iot", … },
//     "role": {
//       "assumeRole": { "RoleArn": "arn:aws:iam::210987654321:role/FleetRole", "RoleSessionName": "gw-0042" },
//       "region": "eu-west-1"
//     },
//     "client": { "region": "eu-west-1" },
//     "place": { "Bucket": "fleet-readings", "Key": "gw-0042" }
//   }

import { readFileSync } from "node:fs";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { RefreshableSession } from "refresh-session";

const { gateway: certificate, role, client, place } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const gateway = new RefreshableSession(certificate);
const fleet = new RefreshableSession({ method: "sts", ...role, sourceCredentials: gateway.credentials });
try {
  console.log(`  the gateway    ${(await fleet.sourceIdentity()).Arn}`);
  console.log(`  the role       ${(await fleet.whoami()).Arn}`);

  const s3 = fleet.client(S3Client, client);
  await s3.send(new PutObjectCommand({ ...place, Body: "21.5 °C" }));
  const { Body } = await s3.send(new GetObjectCommand(place));
  console.log(`  stored         s3://${place.Bucket}/${place.Key}: ${await Body.transformToString()}`);
} catch (error) {
  console.log(`  ${error.name} ${error.code ?? ""}\n  ${error.message}`);
  process.exitCode = 1;
} finally {
  await fleet.close();
  await gateway.close();
}
