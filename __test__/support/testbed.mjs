// The local AWS of the tests: one testbed process per test file, gone when its file ends.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Broker } from "./broker.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

// A proxy of the machine that the tests run on would be asked for the testbed.
for (const name of ["https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]) delete process.env[name];

/** Starts a testbed; with `tokens`, SoftHSM knows its tokens from here on in this process. */
export async function startTestbed({ tokens = false, profiles = ["debug", "fast"] } = {}) {
  const dir = await mkdtemp(join(tmpdir(), "refresh-session-"));
  const args = ["serve", "--dir", dir, "--stop-with-stdin", ...(tokens ? ["--tokens"] : [])];
  const child = spawn(binary(profiles), args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stdout });
  const ready = await Promise.race([
    new Promise((resolve) => lines.once("line", (line) => resolve(JSON.parse(line)))),
    exited.then((code) => Promise.reject(new Error(`the testbed ended with ${code} before it was ready`))),
  ]);
  // SoftHSM reads it when the module is initialised; only the main thread's `process.env` is the process's.
  if (tokens) process.env.SOFTHSM2_CONF = ready.tokens.conf;
  // The testbed is this machine's; a Node under qemu loads the module of another (`scripts/qemu.sh`).
  if (tokens && process.env.QEMU_ROOT !== undefined) ready.tokens.module = process.env.QEMU_ROOT + ready.tokens.module;
  return new Testbed(ready, async () => {
    child.stdin.end();
    await exited;
    await rm(dir, { recursive: true, force: true });
  });
}

class Testbed {
  #stop;
  #control;

  constructor(ready, stop) {
    const { control, ...rest } = ready;
    this.#control = control;
    Object.assign(this, rest);
    this.broker = new Broker((method, path, body) => this.control(method, path, body));
    this.#stop = stop;
  }

  stop() {
    return this.#stop();
  }

  async control(method, path, body) {
    const reply = await fetch(this.#control + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`testbed ${method} ${path}: ${reply.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  configure(settings) {
    return this.control("PUT", "/config", settings);
  }

  /** The next `count` requests, or all, meet this fault. */
  fault(mode, params = {}, count = null) {
    return this.control("PUT", "/faults", { mode, count, ...params });
  }

  /** The same for another server: `sts`, `s3`, `container`, `imds`, `sso` or `sso-oidc`. */
  faultOf(service, mode, params = {}, count = null) {
    return this.control("PUT", `/faults/${service}`, { mode, count, ...params });
  }

  /** Makes a user of IAM, or new keys for it: `arn`, `accessKeyId`, `secretAccessKey`, `mfaSerial`, `mfaSeed`. */
  makeUser(name) {
    return this.control("PUT", `/users/${name}`);
  }

  /** Makes or changes a role of an account; its `arn` is in the answer. */
  makeRole(name, role = {}, account = this.iam.account) {
    return this.control("PUT", `/roles/${account}/${name}`, role);
  }

  /** A code of a user's MFA device: one that is good, or the one of so many half minutes from now. */
  async mfaCode(user = this.iam.user.name, steps = undefined) {
    const query = steps === undefined ? "" : `?steps=${steps}`;
    return (await this.control("GET", `/users/${user}/mfa-code${query}`)).code;
  }

  /** A web identity token: with nothing said, one that `WebRole` trusts. */
  async identityToken(wanted = {}) {
    return (await this.control("POST", "/identity-token", wanted)).token;
  }

  /** Signs in to SSO: what `aws sso login` keeps in its cache. */
  signIn(lifeSeconds = undefined) {
    return this.control("POST", "/sso/login", lifeSeconds === undefined ? {} : { lifeSeconds });
  }

  /** No token of SSO is good any more. */
  signOut() {
    return this.control("POST", "/sso/logout");
  }

  /** No token of IMDS is good any more. */
  forgetImdsTokens() {
    return this.control("POST", "/imds/forget-tokens");
  }

  /** Keys are taken for expired from now on: these, or all there are. */
  revoke(accessKeyId = undefined) {
    return this.control("POST", "/keys/revoke", accessKeyId === undefined ? {} : { accessKeyId });
  }

  /** The next `count` connections to `link.endpoint`, or all, meet this fault. */
  badLink(mode, params = {}, count = null) {
    return this.control("PUT", "/link", { mode, count, ...params });
  }

  /** The next `count` connections to the proxy, or all, meet this fault. */
  badProxy(mode, params = {}, count = null) {
    return this.control("PUT", "/proxy", { mode, count, ...params });
  }

  /** The proxy's URL with a user name and password in it. */
  proxyUrl(user = this.proxy.user, password = this.proxy.password) {
    return `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${this.proxy.address}`;
  }

  reset() {
    return this.control("POST", "/reset");
  }

  async log(event) {
    const entries = await this.control("GET", "/log");
    return event === undefined ? entries : entries.filter((entry) => entry.event === event);
  }

  /** Options of a session whose key is in a file. */
  pem(device = "ec256", overrides = {}) {
    const { certificate, privateKey } = this.pki.devices[device];
    return { ...this.base(), certificate, privateKey, ...overrides };
  }

  /** Options of a session whose key is in a token. */
  hsm(key = "ec256", overrides = {}, pkcs11 = {}) {
    const token = this.tokens.tokens.gw;
    return {
      ...this.base(),
      certificate: token.keys[key].certificate,
      pkcs11: {
        library: this.tokens.module,
        tokenLabel: token.label,
        privateKeyId: token.keys[key].id,
        userPin: token.pin,
        ...pkcs11,
      },
      ...overrides,
    };
  }

  base() {
    return {
      method: "iot",
      endpoint: this.iot.endpoint,
      roleAlias: "gateway-role",
      thingName: this.thing,
      ca: this.pki.serverCa,
    };
  }
}

function binary(profiles) {
  const built = profiles.map((profile) => join(root, "target", profile, "testbed")).find(existsSync);
  if (built === undefined) throw new Error("the testbed is not built: run `cargo build -p refresh-session-testbed`");
  return built;
}
