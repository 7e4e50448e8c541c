// The question for the token.

import { call, setToken } from "./connection.js";
import { arrange, element } from "./dom.js";

// Asks until a token is given that the server knows.
export async function askForToken(view, problem) {
  for (;;) {
    setToken(await answer(view, problem));
    try {
      await call("GET", "/dev/dlq");
      return;
    } catch (error) {
      problem = error.message;
    }
  }
}

function answer(view, problem) {
  return new Promise((resolve) => {
    const field = element("input", { id: "token", type: "password", autocomplete: "off", required: true });
    const onsubmit = (event) => {
      event.preventDefault();
      resolve(field.value.trim());
    };
    arrange(view, [element("form", { class: "ask", onsubmit },
      element("h2", {}, "Which token?"),
      element("p", { class: "soft" }, "Open the link that qstash-dev printed when it started, or enter the value of QSTASH_TOKEN."),
      element("label", { for: "token" }, "Token"),
      field,
      problem && element("p", { class: "problem", role: "alert" }, problem),
      element("button", { type: "submit", class: "main" }, "Open"))]);
    field.focus();
  });
}
