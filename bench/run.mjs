// `npm run bench`: every figure of bench/README.md, in one run.

import { cpus } from "node:os";
import { benchFetch } from "./fetch.mjs";
import { benchWeight } from "./weight.mjs";

console.log(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0].model}`);
await benchWeight();
await benchFetch();
