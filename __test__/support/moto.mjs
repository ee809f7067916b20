// moto: a stand-in for AWS that others wrote, with its signature checks on. See scripts/moto.sh.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { until } from "./waiting.mjs";

const venv = fileURLToPath(new URL("../../.cache/moto", import.meta.url));

/** Whether it is installed. */
export const present = existsSync(`${venv}/version`);

/** Starts it: one user who may do anything with STS and S3, and a role of the same for that user. */
export async function startMoto() {
  const port = await freePort();
  const child = spawn(`${venv}/bin/moto_server`, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill();
    await exited;
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await until(
      () =>
        fetch(`${url}/moto-api/`).then(
          ({ ok }) => ok,
          () => false,
        ),
      60_000,
    );
    return { url, stop, ...(await populated(url)) };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function populated(url) {
  const iam = async (Action, fields) => {
    // Not checked yet; it only tells which service is meant.
    const authorization =
      "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
    const body = new URLSearchParams({ Action, Version: "2010-05-08", ...fields });
    const reply = await fetch(url, { method: "POST", headers: { authorization }, body });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`moto ${Action}: ${reply.status} ${text}`);
    return (name) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)[1];
  };
  const policy = (statement) =>
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
  const anything = policy({ Action: ["sts:*", "s3:*"], Resource: "*" });

  const user = (await iam("CreateUser", { UserName: "operator" }))("Arn");
  await iam("PutUserPolicy", { UserName: "operator", PolicyName: "p", PolicyDocument: anything });
  const key = await iam("CreateAccessKey", { UserName: "operator" });
  const trust = policy({ Action: "sts:AssumeRole", Principal: { AWS: user } });
  const role = (await iam("CreateRole", { RoleName: "gateway", AssumeRolePolicyDocument: trust }))("Arn");
  await iam("PutRolePolicy", { RoleName: "gateway", PolicyName: "p", PolicyDocument: anything });
  // From here on every request is checked: its signature, its token, and what it may do.
  const on = await fetch(`${url}/moto-api/reset-auth`, { method: "POST", body: "0" });
  if (!on.ok) throw new Error(`moto reset-auth: ${on.status}`);
  return { user, role, keys: { accessKeyId: key("AccessKeyId"), secretAccessKey: key("SecretAccessKey") } };
}

/** Its own choice of a port it does not tell. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
