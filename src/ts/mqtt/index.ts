/**
 * MQTT as the rest of the package sees it. `scripts/bundle.mjs` makes a file of its own of it, which is read when it is
 * first asked for something: a third of the JavaScript, and most programs only want credentials.
 */

export { VERSION } from "../version";
export { Job } from "./aws/Job";
export { Jobs } from "./aws/Jobs";
export { Shadow } from "./aws/Shadow";
export { MqttConnection, openMqtt } from "./MqttConnection";
