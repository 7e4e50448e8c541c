// The page: sections, the connection, and what is drawn when.

import { Unauthorized, call, hasToken, listen, setToken } from "./connection.js";
import { arrange, element } from "./dom.js";
import { span } from "./format.js";
import { drawList, list, markMessage } from "./list.js";
import { tick } from "./marks.js";
import { clockIsAhead, forgetAll, now, setClock, setDeadLetters, take } from "./messages.js";

const view = document.getElementById("view");
const connection = document.getElementById("connection");
const clock = document.getElementById("clock");

function show() {
  arrange(view, [list]);
  drawList();
}

let drawing = false;

// Draws soon: once for everything that comes in at about the same time.
function drawSoon() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    drawList();
    drawClock();
  }, 60);
}

function drawClock() {
  const ahead = clockIsAhead();
  clock.hidden = Math.abs(ahead) < 2000;
  clock.textContent = `clock ${span(ahead)} ahead`;
}

function setConnection(state) {
  connection.className = `connection ${state}`;
  connection.textContent = state;
}

function hand(lines) {
  setConnection("live");
  for (const line of lines) {
    if (line.past !== undefined) forgetAll();
    if (line.now !== undefined) setClock(line.now);
    else {
      if (line.time > now() + 1000) setClock(line.time);
      take(line);
    }
  }
  drawSoon();
}

async function follow() {
  for (;;) {
    try {
      await listen(undefined, hand);
    } catch (error) {
      console.warn(error);
    }
    setConnection("lost");
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

setInterval(() => { tick(); drawSoon(); }, 1000);
show();
follow();
