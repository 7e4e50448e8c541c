// The server: calls of its API, and the feed of what happens there.

const STORED = "token";
const GIVEN = /^#token=(.+)$/;
let token = takeToken();

// The link that the program prints carries the token behind the "#", which browsers send to nobody.
function takeToken() {
  const given = GIVEN.exec(location.hash);
  if (given) {
    history.replaceState(null, "", location.pathname);
    try {
      sessionStorage.setItem(STORED, decodeURIComponent(given[1]));
    } catch {
      sessionStorage.setItem(STORED, given[1]);
    }
  }
  return sessionStorage.getItem(STORED);
}

// Whether the link was opened in a page that was open already.
export function bringsToken() {
  return GIVEN.test(location.hash);
}

export function hasToken() {
  return token !== null;
}

export function setToken(text) {
  token = text;
  sessionStorage.setItem(STORED, text);
}

export class Unauthorized extends Error {
  name = "Unauthorized";
}

async function request(method, path, { headers = [], ...options } = {}) {
  const answer = await fetch(path, {
    method,
    ...options,
    headers: [["Authorization", `Bearer ${token}`], ...headers],
    cache: "no-store",
  });
  if (answer.ok) return answer;
  const text = await answer.text();
  let error = text;
  try {
    error = JSON.parse(text).error ?? text;
  } catch {
    // Then the text says it all.
  }
  throw answer.status === 401 ? new Unauthorized(error) : new Error(error || `the server answered ${answer.status}`);
}

// Calls the API, and returns what it answers. A body that is neither text nor bytes goes out as JSON.
export async function call(method, path, body, headers) {
  const isPlain = typeof body === "string" || body instanceof Uint8Array;
  // A body without a type would get one from the browser, which the message has not.
  const bytes = body === undefined ? undefined : new Blob([isPlain ? body : JSON.stringify(body)]);
  const answer = await request(method, path, { body: bytes, headers });
  const text = await answer.text();
  return text === "" ? undefined : JSON.parse(text);
}

// Hands on each line of the feed, until the feed ends or the signal says so.
export async function listen(signal, hand) {
  const answer = await request("GET", "/dev/feed", { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    hand(lines.map((line) => JSON.parse(line)));
  }
}
