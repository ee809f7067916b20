// `npm run demo` after its building: what a newcomer sees.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

const root = fileURLToPath(new URL("..", import.meta.url));
const testbed = ["debug", "fast"].map((profile) => join(root, "target", profile, "testbed")).find(existsSync);

test("the demo tells the whole story, ends well and leaves nothing behind", async (t) => {
  const scratch = await mkdtemp(join(tmpdir(), "refresh-session-demo-test-"));
  const child = spawn(process.execPath, ["scripts/demo.mjs", testbed], {
    cwd: root,
    env: { ...process.env, TMPDIR: scratch },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const [code] = await once(child, "close");
  t.is(code, 0, output);
  t.is(output.match(/AWS knows us {3}arn:aws:sts::123456789012:assumed-role\/GatewayRole\//g)?.length, 2, output);
  t.is(output.match(/saw TLS 1\.3, /g)?.length, 3, output);
  t.regex(
    output,
    /certificate "ec256"[\s\S]*certificate "hsm-ec256"[\s\S]*ERR_THING_NOT_ATTACHED[\s\S]*Check `thingName`/,
  );
  t.regex(output, /ERR_SERVICE_UNAVAILABLE: the keys held serve on[\s\S]*calls of AWS, 0 failed/);
  t.regex(
    output,
    /the gateway {4}arn:aws:sts::123456789012:assumed-role\/GatewayRole\/[\s\S]*the role {7}arn:aws:sts::210987654321:assumed-role\/FleetRole\/[\s\S]*stored {9}s3:\/\/.*: 21\.5 °C/,
  );
  t.regex(output, /acknowledged {3}60 of 60 readings[\s\S]*the broker {5}has 60 different readings/);
  t.notRegex(output, /canary|\bat .*\(.*:\d+:\d+\)/i, "neither secrets nor stack traces");
  t.deepEqual(await readdir(scratch), []);
  await rm(scratch, { recursive: true });
});
