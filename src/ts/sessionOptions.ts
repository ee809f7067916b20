/** What a session is made of, whatever its method. */

import type { ClientCacheOptions } from "./client/types";
import type { ContainerOptions, StsOptions, WebIdentityOptions } from "./sts/types";
import type { CustomOptions, IotOptions } from "./types";

/** Options of `new RefreshableSession`. */
export type SessionOptions = (
  | ({ method?: "sts" } & StsOptions)
  | ({ method: "iot" } & IotOptions)
  | ({ method: "container" } & ContainerOptions)
  | ({ method: "webIdentity" } & WebIdentityOptions)
  | ({ method: "custom" } & CustomOptions)
) & {
  /** The cache of `session.client()`. `false` keeps no clients. Default: 64, least recently used out first. */
  clientCache?: false | ClientCacheOptions;
};
