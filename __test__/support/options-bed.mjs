// What every test of options starts from: a testbed, good options of both kinds, and files that are no good.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CANARY_PIN as PIN } from "./bad-options.mjs";
import { bodyOf } from "./refusals.mjs";
import { startTestbed } from "./testbed.mjs";

export const bed = await startTestbed({ tokens: true });

export const pem = (overrides) => bed.pem("ec256", overrides);
export const hsm = (overrides, pkcs11) => bed.hsm("ec256", overrides, pkcs11);
export const { devices } = bed.pki;
export const read = (path) => readFileSync(path, "utf8");

export const keyPem = read(devices.ec256.privateKey);
export const keyBody = bodyOf(keyPem);
export const PASSPHRASE = "canary-passphrase-of-this-test";
export const secrets = [...keyBody.lines, PIN, PASSPHRASE, bed.passphrase, bed.tokens.tokens.gw.pin];

/** What an option needs beside it. */
const beside = { mandatoryWindowSeconds: { advisoryWindowSeconds: 43_200 } };

/** Where an option belongs: only one kind of session takes it. */
export const around = (param) => (param.startsWith("pkcs11") ? hsm() : pem(beside[param]));

/** Junk files, made once. */
export const file = (name, content) => {
  const path = join(bed.dir, name);
  writeFileSync(path, content);
  return path;
};
export const emptyFile = file("empty.pem", "");
export const junkFile = file("junk.pem", "neither PEM nor DER");
export const folder = join(bed.dir, "folder.pem");
mkdirSync(folder);
