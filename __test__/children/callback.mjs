// A session whose callbacks all fail; prints the access key id that it got all the same.

import { fromIot } from "../../dist/index.mjs";

const { options, failing } = JSON.parse(process.argv[2]);
const { method: _, ...iot } = options;
const callback = new Function(`return ${failing}`)();
const logger = { debug: callback, info() {}, warn: callback, error() {} };
const { accessKeyId } = await fromIot({ ...iot, onWarning: callback, logger })();
console.log(accessKeyId);
