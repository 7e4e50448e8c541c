// The official JavaScript receiver as an arm, see ../src/main.rs: `node receive.mjs LENGTH`.
import { createHash, createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Receiver } = createRequire(new URL("../../conformance/js/package.json", import.meta.url))("@upstash/qstash");

const key = "sig_7f3b0c55d4e24c1f9a6e8b1d0c2f";
const url = "https://api.example.com/render/done?job=42";
const body = "x".repeat(Number(process.argv[2]));

const now = Math.floor(Date.now() / 1000);
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = {
  iss: "Upstash", sub: url, exp: now + 300, nbf: now, iat: now, jti: "jwt_67kxXD6UBAk7DqU6hzuHMDdXFXfP",
  body: createHash("sha256").update(body).digest("base64url") + "=",
};
const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
const signature = `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
const receiver = new Receiver({ currentSigningKey: key, nextSigningKey: "sig_0d9c7be1a2f84a35b8d1e7c6a0f4" });

for await (const line of createInterface({ input: process.stdin })) {
  const cpu = process.cpuUsage(), wall = process.hrtime.bigint();
  for (let count = Number(line); count > 0; count--) await receiver.verify({ signature, body, url });
  const { user, system } = process.cpuUsage(cpu);
  console.log(`${(user + system) * 1000} ${process.hrtime.bigint() - wall}`);
}
