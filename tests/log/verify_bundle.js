// Verify Sigstore bundles with the sigstore-js library and one plain public key.
// node verify_bundle.js NODE_MODULES KEY_HINT PUBLIC_PEM BUNDLE...   prints one line for each bundle
const { createRequire } = require("module");
const crypto = require("crypto");
const fs = require("fs");

const [modules, hint, pem, ...bundles] = process.argv.slice(2);
const load = createRequire(modules + "/");
const { bundleFromJSON } = load("@sigstore/bundle");
const { Verifier, toSignedEntity } = load("@sigstore/verify");

const key = { publicKey: crypto.createPublicKey(fs.readFileSync(pem)), validFor: () => true };
const trust = {
  certificateAuthorities: [],
  timestampAuthorities: [],
  tlogs: [],
  ctlogs: [],
  publicKey: (asked) => {
    if (asked !== hint) throw new Error("unknown key " + asked);
    return key;
  },
};
const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
for (const path of bundles) {
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(fs.readFileSync(path, "utf8")))));
    console.log("accepted");
  } catch (error) {
    console.log("refused: " + error.message);
  }
}
