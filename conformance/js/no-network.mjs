// A machine without a network, on which names lead nowhere: `devMode` would fetch a server from the internet otherwise.

import dns from "node:dns";
import { isIP } from "node:net";

const { lookup } = dns;
dns.lookup = (name, options, callback = options) => {
  if (isIP(name)) return lookup(name, options, callback);
  const error = Object.assign(new Error(`no network to find ${name}`), { code: "ENOTFOUND" });
  process.nextTick(callback, error);
};
