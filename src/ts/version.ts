/** The version of this package; a test compares it with package.json. The addon has its own, and the two must be one. */
export const VERSION = "0.1.0";
