// What `session.client()` saves: the same S3 call with a kept client, and with a new one for each call.

import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { RefreshableSession } from "refresh-session";
import { median, ms, ratio, table, timed, us } from "./measure.mjs";

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const hits = 100_000;
const sends = 300;

export async function benchClients(aws) {
  const session = new RefreshableSession(aws.pem("ec256"));
  const config = { region: "eu-west-1", endpoint: aws.s3.http, forcePathStyle: true, maxAttempts: 5 };
  const kept = () => session.client(S3Client, config);
  const made = () => new S3Client({ ...config, credentials: session.credentials });
  try {
    await kept().send(new ListBucketsCommand({}));
    const distinct = new Set(Array.from({ length: 1000 }, kept));
    const hit = await timed(() => {
      for (let i = 0; i < hits; i++) kept();
    });
    const sending = {
      kept: () => kept().send(new ListBucketsCommand({})),
      made: async () => {
        const client = made();
        await client.send(new ListBucketsCommand({}));
        client.destroy();
      },
    };
    const connections = {};
    const times = { kept: [], made: [] };
    for (const name of ["kept", "made"]) {
      const before = await connectionsOf(aws);
      for (let i = 0; i < sends; i++) times[name].push(await timed(sending[name]));
      connections[name] = (await connectionsOf(aws)) - before;
    }
    table(
      "Client cache (S3, plain HTTP on loopback: on a real link each connection adds its round trips)",
      ["", "measured", "bar"],
      [
        ["1 000 × `session.client(S3Client, config)`", `${distinct.size} instance`, "1"],
        ["a hit", us(hit / hits), "≤ 5 µs"],
        [`a call with the kept client, ${connections.kept} new connections in ${sends}`, ms(median(times.kept)), ""],
        [
          `a call with a new client, ${connections.made} new connections in ${sends}`,
          `${ms(median(times.made))}, ${ratio(median(times.made), median(times.kept))} ×`,
          "",
        ],
      ],
    );
  } finally {
    await session.close();
  }
}

async function connectionsOf(aws) {
  const log = await aws.control("GET", "/log?service=s3&event=connection");
  return log.length;
}
