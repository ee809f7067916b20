// The types of the ES module: the same names, and no default export.
export * from "./index.js";
