/** Who the device is, whom it believes and how it gets there: options that the IoT source and MQTT connections share. */

import type { IotOptions } from "../types";
import { boolean, type Checks, material, text, textOrBytes } from "./check";
import { pkcs11 } from "./pkcs11";
import { proxy } from "./proxy";

/** The options of that name of the IoT source. */
export type DeviceOptions = Pick<
  IotOptions,
  "certificate" | "privateKey" | "privateKeyPassphrase" | "pkcs11" | "ca" | "verifyPeer" | "serverName" | "proxy"
>;

export const deviceChecks: Checks<DeviceOptions> = {
  certificate: material,
  privateKey: material,
  privateKeyPassphrase: textOrBytes,
  pkcs11,
  ca: material,
  verifyPeer: boolean,
  serverName: text,
  proxy,
};
