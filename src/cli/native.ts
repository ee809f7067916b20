/** What the command line asks of the addon beside the public API. */

import { bare } from "../ts/bare";
import type { NativeInventory, NativePkcs11Options } from "../ts/binding";
import { toError } from "../ts/errors";
import { native } from "../ts/native";

/** How closely to look at a module: its tokens, what shows in them, or what the selected one shows after a login. */
export type Look = "tokens" | "objects" | "login";

/** What a PKCS#11 module has. Throws typed errors, as a session does. */
export async function inventory(pkcs11: string | NativePkcs11Options, look: Look): Promise<NativeInventory> {
  const found = bare(await native.listPkcs11(pkcs11, look));
  if ("failed" in found) throw toError(found);
  return found;
}
