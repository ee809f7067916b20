/** What the helpers need of a connection: nothing of its inside. */

import type { MqttConnection } from "../MqttConnection";

export type Wire = Pick<MqttConnection, "closed" | "publish" | "subscribe" | "unsubscribe" | "on">;
