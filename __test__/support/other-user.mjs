// Another user of a PKCS#11 module, in the same process as the sessions of a child: `other-user.c`.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const CKR = { OK: 0, GENERAL_ERROR: 0x05, SESSION_HANDLE_INVALID: 0xb3, ALREADY_INITIALIZED: 0x191 };
const CKM_ECDSA = 0x1041;
const CKU_USER = 1;
const SERIAL_SESSION = 4;
const WORD = 8;

/** Compiles it into this folder; where it is. */
export function buildOtherUser(dir) {
  const out = join(dir, "other-user.node");
  const source = fileURLToPath(new URL("other-user.c", import.meta.url));
  execFileSync("cc", ["-shared", "-fPIC", "-Wall", "-Werror", source, "-o", out], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  return out;
}

/** It, in the process of `sessions` (`children/run.mjs`). What does not say otherwise gives the return value. */
export class OtherUser {
  #sessions;
  #addon;
  #library;
  #session;

  constructor(sessions, addon, library) {
    this.#sessions = sessions;
    this.#addon = addon;
    this.#library = library;
  }

  async initialize() {
    const CKF_OS_LOCKING_OK = 2;
    return (await this.#call("C_Initialize", words(0, 0, 0, 0, CKF_OS_LOCKING_OK, 0))).rv;
  }

  async finalize() {
    return (await this.#call("C_Finalize", null)).rv;
  }

  async closeAllSessions(label) {
    return (await this.#call("C_CloseAllSessions", await this.#slotOf(label))).rv;
  }

  /** Opens a session of its own; its number. */
  async open(label, pin) {
    const slot = await this.#slotOf(label);
    const opened = await this.#call("C_OpenSession", slot, SERIAL_SESSION, null, null, words(0));
    expect("C_OpenSession", opened.rv);
    this.#session = wordAt(opened.args[4], 0);
    const { rv } = await this.#call("C_Login", this.#session, CKU_USER, Buffer.from(pin), pin.length);
    if (rv !== CKR_USER_ALREADY_LOGGED_IN) expect("C_Login", rv);
    return this.#session;
  }

  /** Signs with the first EC key that there is. */
  async sign() {
    expect("C_FindObjectsInit", (await this.#call("C_FindObjectsInit", this.#session, null, 0)).rv);
    const found = await this.#call("C_FindObjects", this.#session, Buffer.alloc(64 * WORD), 64, words(0));
    expect("C_FindObjects", found.rv);
    await this.#call("C_FindObjectsFinal", this.#session);
    let rv;
    for (let n = 0; n < wordAt(found.args[3], 0); n++) {
      const key = wordAt(found.args[1], n);
      // What is no private EC key is refused, by SoftHSM only in the second of these.
      rv = (await this.#call("C_SignInit", this.#session, words(CKM_ECDSA, 0, 0), key)).rv;
      if (rv !== CKR.OK) continue;
      rv = (await this.#call("C_Sign", this.#session, Buffer.alloc(32, 7), 32, Buffer.alloc(256), words(256))).rv;
      if (rv === CKR.OK) break;
    }
    return rv;
  }

  async #slotOf(label) {
    const { rv, args } = await this.#call("C_GetSlotList", 1, Buffer.alloc(16 * WORD), words(16));
    expect("C_GetSlotList", rv);
    for (let n = 0; n < wordAt(args[2], 0); n++) {
      const slot = wordAt(args[1], n);
      const info = await this.#call("C_GetTokenInfo", slot, Buffer.alloc(512));
      if (text(info.args[1]).slice(0, 32).trim() === label) return slot;
    }
    throw new Error(`the other user sees no token ${label}`);
  }

  async #call(name, ...args) {
    const { value, error } = await this.#sessions.call("pkcs11", {
      addon: this.#addon,
      library: this.#library,
      name,
      args,
    });
    if (error !== undefined) throw new Error(error.message);
    return value;
  }
}

const CKR_USER_ALREADY_LOGGED_IN = 0x100;

function expect(name, rv) {
  if (rv !== CKR.OK) throw new Error(`the other user's ${name} returned 0x${rv.toString(16)}`);
}

/** CK_ULONGs one after the other, as 64-bit systems have them. */
function words(...values) {
  const buffer = Buffer.alloc(values.length * WORD);
  for (const [n, value] of values.entries()) buffer.writeBigUInt64LE(BigInt(value), n * WORD);
  return buffer;
}

const wordAt = (bytes, n) => Number(Buffer.from(bytes.buffer, bytes.byteOffset).readBigUInt64LE(n * WORD));
const text = (bytes) => Buffer.from(bytes).toString("latin1");
