// A CA, a server certificate for localhost and a device certificate, EC P-256.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const extensions = `
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:false
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
[device]
basicConstraints = critical, CA:false
extendedKeyUsage = clientAuth
`;

/** Makes them in `dir`; the answer holds the paths of the files. */
export async function makePki(dir) {
  const config = join(dir, "openssl.cnf");
  await writeFile(config, extensions);
  const ca = await certificate(dir, config, "ca");
  const server = await certificate(dir, config, "server", ca);
  const device = await certificate(dir, config, "device", ca);
  return { ca: ca.certificate, server, device };
}

async function certificate(dir, config, kind, issuer) {
  const made = { certificate: join(dir, `${kind}.pem`), privateKey: join(dir, `${kind}.key`) };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", made.privateKey];
  const signed = issuer === undefined ? [] : ["-CA", issuer.certificate, "-CAkey", issuer.privateKey];
  const rest = ["-config", config, "-extensions", kind, "-subj", `/CN=bench ${kind}`, "-days", "365"];
  await promisify(execFile)("openssl", ["req", "-x509", ...key, ...signed, ...rest, "-out", made.certificate]);
  return made;
}
