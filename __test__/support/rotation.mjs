// Files that are replaced under a running session, and certificates to replace them with.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sessionFor } from "./sessions.mjs";
import { listening } from "./waiting.mjs";

export const read = (path) => readFileSync(path, "utf8");

/** The content of a device's files. */
export const contentOf = ({ certificate, privateKey }) => ({
  certificate: read(certificate),
  privateKey: read(privateKey),
});

/** Files of their own with this content, and a session on them. */
export function rotating(t, bed, content, options = {}) {
  const dir = mkdtempSync(join(bed.dir, "rotation-"));
  const files = { certificate: join(dir, "cert.pem"), privateKey: join(dir, "key.pem") };
  const write = (now) => {
    for (const [name, text] of Object.entries(now)) writeFileSync(files[name], text);
  };
  write(content);
  const session = sessionFor(t, bed.pem("ec256", { ...files, onWarning: () => {}, ...options }));
  return { dir, files, write, session, heard: listening(session) };
}

/** Signs a certificate of the key in a file, and registers it. */
export function issue(bed, dir, name, key, days, registered = {}) {
  const csr = join(dir, `${name}.csr`);
  openssl("req", "-new", "-key", key, "-subj", `/CN=${name}`, "-out", csr);
  return sign(bed, dir, name, csr, ["-days", String(days)], registered);
}

/** The same for a key in a token: the one of this certificate, or this public key. */
export function issueFor(bed, dir, name, source, registered = {}) {
  const [key, csr, publicKey] = [join(dir, "any.key"), join(dir, `${name}.csr`), join(dir, `${name}.pub`)];
  const params = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-new", ...params, "-keyout", key, "-subj", `/CN=${name}`, "-out", csr);
  if (read(source).includes("CERTIFICATE")) openssl("x509", "-in", source, "-noout", "-pubkey", "-out", publicKey);
  return sign(bed, dir, name, csr, ["-days", "90", "-force_pubkey", publicKey], registered);
}

async function sign(bed, dir, name, csr, params, registered) {
  // Without extensions it would be of X.509 version 1.
  const [out, extensions] = [join(dir, `${name}.pem`), join(dir, "extensions.cnf")];
  writeFileSync(extensions, "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n");
  const ca = ["-CA", bed.pki.deviceCa, "-CAkey", bed.pki.deviceCaKey, "-CAcreateserial"];
  openssl("x509", "-req", "-in", csr, ...ca, "-extfile", extensions, ...params, "-out", out);
  const pem = read(out);
  await bed.control("PUT", `/certificates/${name}`, { pem, status: "active", things: [bed.thing], ...registered });
  return pem;
}

function openssl(...args) {
  execFileSync("openssl", args, { stdio: "ignore" });
}
