// A token that the tests make themselves: its keys, their certificates, and processes with sessions on it.

import { execFileSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sessions, spyOn } from "../../children/run.mjs";
import { unshared } from "../sessions.mjs";

/** The kinds of key as pkcs11-tool is told; the names are those of the testbed's own tokens. */
const kinds = { ec256: "EC:prime256v1", ec384: "EC:secp384r1", rsa2048: "rsa:2048" };

let processes = 0;

export class TestToken {
  #bed;
  #name;
  #within;
  #afterwards;

  /**
   * `name`: where another may have the same label, what the testbed knows it by. `env`: what the module's processes
   * need. `within`: a command that they run under. `afterwards`: called when a tool has used the module.
   */
  constructor(bed, { module, label, pin, name = label, env = {}, within = [], afterwards = () => {} }) {
    this.#bed = bed;
    this.#name = name;
    this.#within = within;
    this.#afterwards = afterwards;
    Object.assign(this, { module, label, pin, env, keys: {} });
  }

  /** Runs `pkcs11-tool` on the module; what it prints. */
  tool(...args) {
    return this.run("pkcs11-tool", "--module", this.module, ...args);
  }

  /** Runs a command where the module works. What it says is in the error if it fails. */
  run(...given) {
    const [command, ...args] = [...this.#within, ...given];
    const env = { ...process.env, ...this.env };
    try {
      return execFileSync(command, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
    } finally {
      this.#afterwards();
    }
  }

  /** The same, logged in. */
  loggedIn(...args) {
    return this.tool("--token-label", this.label, "--login", "--pin", this.pin, ...args);
  }

  /** Makes a key in the token, and a certificate for it, signed by the testbed's device CA. */
  addKey(name, ...flags) {
    const id = `0${Object.keys(this.keys).length + 1}`;
    const at = ["--id", id, "--label", name];
    this.loggedIn("--keypairgen", "--key-type", kinds[name], ...at, "--usage-sign", ...flags);
    const device = `${this.#name}-${name}`;
    const file = join(this.#bed.dir, device);
    this.tool("--token-label", this.label, "--read-object", "--type", "pubkey", ...at, "--output-file", `${file}.der`);
    this.keys[name] = { id, device, certificate: certify(this.#bed, device, readFileSync(`${file}.der`), file) };
    return this;
  }

  /** Tells the testbed of the certificates; a reset makes it forget them. */
  async register() {
    for (const { device, certificate } of Object.values(this.keys)) {
      const pem = readFileSync(certificate, "utf8");
      await this.#bed.control("PUT", `/certificates/${device}`, { pem, things: [this.#bed.thing] });
    }
  }

  /** Options of a session whose key is in it. */
  options(pkcs11 = {}, key = Object.keys(this.keys)[0]) {
    const { id, certificate } = this.keys[key];
    const selector = { library: this.module, tokenLabel: this.label, privateKeyId: id, userPin: this.pin };
    return { ...this.#bed.base(), certificate, pkcs11: { ...selector, ...pkcs11 } };
  }

  /**
   * A process of sessions on the token, with the module as it is or, `spied`, with a spy before it that counts calls;
   * it ends with the test. Logins and refused PINs are the process's.
   */
  child(t, { spied = false } = {}) {
    const spy = spyOn(this.module, join(this.#bed.dir, `spy-${this.label}-${++processes}.log`));
    const env = { ...this.env, ...(spied ? spy.env : {}) };
    const child = new Sessions({ env, within: this.#within });
    t.teardown(() => child.end());
    const library = spied ? spy.library : this.module;
    const open = async (name, { key, thread, ...pkcs11 } = {}) => {
      const options = unshared(this.options({ library, ...pkcs11 }, key));
      t.is((await child.call("open", { name, thread, options })).error, undefined);
      return {
        credentials: () => child.call("credentials", { name, thread }),
        identity: () => child.call("identity", { name, thread, sts: this.#bed.sts.http }),
        refresh: () => child.call("refresh", { name, thread }),
      };
    };
    return { spy, open, end: () => child.end() };
  }
}

/** A certificate for a public key, in a file. */
function certify(bed, name, spki, file) {
  const [key, extensions, certificate] = [".pub.pem", ".cnf", ".cert.pem"].map((ending) => file + ending);
  writeFileSync(
    key,
    createPublicKey({ key: spki, format: "der", type: "spki" }).export({ type: "spki", format: "pem" }),
  );
  // Without extensions it would be of X.509 version 1.
  writeFileSync(extensions, "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n");
  const signed = ["-CA", bed.pki.deviceCa, "-CAkey", bed.pki.deviceCaKey, "-extfile", extensions, "-days", "90"];
  const args = ["x509", "-new", "-force_pubkey", key, "-subj", `/CN=${name}`, ...signed, "-out", certificate];
  execFileSync("openssl", args, { stdio: "ignore" });
  return certificate;
}
