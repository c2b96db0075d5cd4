/** The version of this package. A constant, so that browsers have it too; a test compares it with package.json. */
export const version = "0.1.0";
